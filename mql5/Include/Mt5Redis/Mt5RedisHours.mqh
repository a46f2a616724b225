//+------------------------------------------------------------------+
//|                                              Mt5RedisHours.mqh   |
//|  Trading hours by weekday.                                       |
//+------------------------------------------------------------------+
// Reads a list like "Mon-Thu 08:00-22:00, Fri 08:00-20:00". Times are those of the trade server, and the end of a span is
// outside of it. A span that ends no later than it begins ends on the next day: "Sun 22:00-22:00" lasts 24 hours. An empty
// list means always.
#ifndef MT5_REDIS_HOURS_MQH
#define MT5_REDIS_HOURS_MQH

#define MT5R_WEEKDAYS     "SunMonTueWedThuFriSat"
#define MT5R_DAY_MINUTES  1440
#define MT5R_WEEK_MINUTES 10080

//+------------------------------------------------------------------+
//| The spans of a week, in minutes since Sunday 00:00.              |
//+------------------------------------------------------------------+
class CMt5RedisHours
  {
private:
   string            m_text;
   int               m_from[];
   int               m_length[];

   int               Day(const string word_) const;
   int               Minute(const string word_) const;
   bool              Add(const string span_);

public:
   bool              Read(const string list_,string &error_);
   bool              Any(void) const      { return(ArraySize(m_from)>0); }
   string            Text(void) const     { return(m_text); }
   bool              IsOpen(const datetime time_) const;
   string            Moment(const datetime time_) const;
  };
//+------------------------------------------------------------------+
//| False: a span cannot be understood; error names it.              |
//+------------------------------------------------------------------+
bool CMt5RedisHours::Read(const string list_,string &error_)
  {
   string spans_[];
   int    count_=StringSplit(list_,',',spans_);
   ArrayResize(m_from,0);
   ArrayResize(m_length,0);
   m_text=list_;
   for(int i_=0; i_<count_; i_++)
     {
      StringTrimLeft(spans_[i_]);
      StringTrimRight(spans_[i_]);
      if(spans_[i_]=="" || Add(spans_[i_]))
         continue;
      error_="the trading hours contain "+spans_[i_]+", which is no span. Write spans like Mon-Thu 08:00-22:00, Fri "
             "08:00-20:00";
      return(false);
     }
   return(true);
  }
//+------------------------------------------------------------------+
bool CMt5RedisHours::Add(const string span_)
  {
   string halves_[];
   string days_[];
   string times_[];
   if(StringSplit(span_,' ',halves_)!=2 || StringSplit(halves_[1],'-',times_)!=2)
      return(false);
   int count_=StringSplit(halves_[0],'-',days_);
   int first_=(count_>0 ? Day(days_[0]) : -1);
   int last_=(count_==2 ? Day(days_[1]) : first_);
   int from_=Minute(times_[0]);
   int to_=Minute(times_[1]);
   if(count_>2 || first_<0 || last_<0 || from_<0 || to_<0 || from_==MT5R_DAY_MINUTES)
      return(false);
   int days_more_=(last_-first_+7)%7;
   for(int i_=0; i_<=days_more_; i_++)
     {
      int at_=ArraySize(m_from);
      ArrayResize(m_from,at_+1,16);
      ArrayResize(m_length,at_+1,16);
      m_from[at_]=((first_+i_)%7)*MT5R_DAY_MINUTES+from_;
      m_length[at_]=(to_>from_ ? to_-from_ : to_-from_+MT5R_DAY_MINUTES);
     }
   return(true);
  }
//+------------------------------------------------------------------+
//| The day's number, Sunday is 0; below 0: it is no day.            |
//+------------------------------------------------------------------+
int CMt5RedisHours::Day(const string word_) const
  {
   int at_=(StringLen(word_)==3 ? StringFind(MT5R_WEEKDAYS,word_) : -1);
   return(at_>=0 && at_%3==0 ? at_/3 : -1);
  }
//+------------------------------------------------------------------+
//| The minute of the day, 24:00 included; below 0: it is no time.   |
//+------------------------------------------------------------------+
int CMt5RedisHours::Minute(const string word_) const
  {
   if(StringLen(word_)!=5 || StringSubstr(word_,2,1)!=":")
      return(-1);
   for(int i_=0; i_<5; i_++)
      if(i_!=2 && (StringGetCharacter(word_,i_)<'0' || StringGetCharacter(word_,i_)>'9'))
         return(-1);
   int hour_=(int)StringToInteger(StringSubstr(word_,0,2));
   int minute_=(int)StringToInteger(StringSubstr(word_,3,2));
   return(minute_<60 && hour_*60+minute_<=MT5R_DAY_MINUTES ? hour_*60+minute_ : -1);
  }
//+------------------------------------------------------------------+
bool CMt5RedisHours::IsOpen(const datetime time_) const
  {
   //--- 1970 began on a Thursday
   int now_=(int)(((long)time_/60+4*MT5R_DAY_MINUTES)%MT5R_WEEK_MINUTES);
   for(int i_=ArraySize(m_from)-1; i_>=0; i_--)
      if((now_-m_from[i_]+MT5R_WEEK_MINUTES)%MT5R_WEEK_MINUTES<m_length[i_])
         return(true);
   return(!Any());
  }
//+------------------------------------------------------------------+
//| A time with its weekday, for people.                             |
//+------------------------------------------------------------------+
string CMt5RedisHours::Moment(const datetime time_) const
  {
   int day_=(int)(((long)time_/86400+4)%7);
   return(StringSubstr(MT5R_WEEKDAYS,3*day_,3)+" "+TimeToString(time_,TIME_MINUTES));
  }
//+------------------------------------------------------------------+
#endif
