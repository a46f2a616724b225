//+------------------------------------------------------------------+
//|                                               Mt5RedisTold.mqh   |
//|  What a publisher said last of each position and pending order.  |
//+------------------------------------------------------------------+
// It is in a file, so that a restart neither repeats nor leaves out an event. Before a signal is sent, a line says what
// will be true after it, and which number the lane had reached. If the terminal ends between the two, the lane has no
// later number, and the next start drops this line. Only the last line can be in doubt. Numbers can be compared only if
// they have the same producer. Without a journal they never have, and the line stays.
#ifndef MT5_REDIS_TOLD_MQH
#define MT5_REDIS_TOLD_MQH
#include "Mt5RedisFile.mqh"

#define MT5R_TOLD_EPSILON   0.000000005  // volumes and prices that differ by less are the same
#define MT5R_TOLD_LINES     4096         // a longer file is written anew
#define MT5R_TOLD_FIELD     9            // the character between fields
#define MT5R_TOLD_FIELDS    16

//+------------------------------------------------------------------+
//| A position or a pending order, as it was told last.              |
//+------------------------------------------------------------------+
struct SMt5RedisTold
  {
   long              id;             // POSITION_IDENTIFIER, or the order's ticket
   bool              order;          // a pending order
   string            symbol;
   string            comment;
   long              magic;
   double            lots;           // what is open; below 0: sold; 0: it has ended
   double            price;          // average entry; the price of an order
   double            limit;          // of a stop-limit order
   double            stop_loss;
   double            take_profit;
   int               type;           // of an order: MT5REDIS_ORDER_*
   long              expiry_ms;      // of an order, the trade server's time; 0: none
   ulong             deal;           // the last deal that was told
   long              ended_ms;       // the trade server's time; 0: it has not ended
   //--- not in the file
   bool              ignored;        // the filters exclude it
   ulong             waits_ms;       // since when the account does not tell enough; 0: it does
   bool              asked;          // it was reported that it waits
  };
//+------------------------------------------------------------------+
//| All of them, and the file.                                       |
//+------------------------------------------------------------------+
class CMt5RedisTold
  {
private:
   CMt5RedisFile     m_file;
   int               m_lines;
   bool              m_behind;       // the file lacks something, or its last line may be incomplete
   string            m_producer;     // the name under which the lane numbers
   //--- the last line, as far as it can be in doubt
   long              m_doubt_number; // the lane's number before it; below 0: none is in doubt
   SMt5RedisTold     m_before;       // what was known before it
   bool              m_was_known;

   string            Line(const SMt5RedisTold &told_,const long number_) const;
   bool              Read(const string line_);

public:
   SMt5RedisTold     all[];
   bool              fresh;          // there was no file
   long              begin_ms;       // nothing earlier is told; the trade server's time
   long              seen_ms;        // until when everything was told; the trade server's time

                     CMt5RedisTold(void) : m_lines(0),m_behind(false),m_producer(""),m_doubt_number(-1),
                                           m_was_known(false),fresh(true),begin_ms(0),seen_ms(0) { }
   bool              Open(const string name_);
   bool              IsOpen(void) const    { return(m_file.IsOpen()); }
   bool              Damaged(void) const   { return(m_file.Damaged()); }
   void              Close(void);
   bool              Settle(const string producer_,const long number_);
   int               Total(void) const     { return(ArraySize(all)); }
   int               Find(const long id_,const bool order_) const;
   int               Add(const SMt5RedisTold &told_);
   bool              Write(const int at_,const long number_);
   bool              Seen(const long ms_);
   bool              NeedsRewrite(void) const { return(m_behind || m_lines>MT5R_TOLD_LINES); }
   bool              Rewrite(void);
   void              Forget(const long before_ms_);
  };
//+------------------------------------------------------------------+
void Mt5RedisClear(SMt5RedisTold &told_)
  {
   told_.id=0;
   told_.order=false;
   told_.symbol="";
   told_.comment="";
   told_.magic=0;
   told_.lots=0.0;
   told_.price=0.0;
   told_.limit=0.0;
   told_.stop_loss=0.0;
   told_.take_profit=0.0;
   told_.type=0;
   told_.expiry_ms=0;
   told_.deal=0;
   told_.ended_ms=0;
   told_.ignored=false;
   told_.waits_ms=0;
   told_.asked=false;
  }
//+------------------------------------------------------------------+
//| Opens the file; call Settle then. False: another program has it  |
//| open, or the disk fails.                                         |
//+------------------------------------------------------------------+
bool CMt5RedisTold::Open(const string name_)
  {
   Close();
   if(!m_file.Open(name_))
      return(false);
   m_behind=true;
   m_lines=ArraySize(m_file.lines);
   for(int i_=0; i_<m_lines; i_++)
      if(!Read(m_file.lines[i_]) && m_file.lines[i_]!="end")
         Print(MQLInfoString(MQL_PROGRAM_NAME),": its memory file has a line that another version wrote: ",m_file.lines[i_]);
   ArrayFree(m_file.lines);
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisTold::Close(void)
  {
   m_file.Close();
   ArrayFree(all);
   m_lines=0;
   m_behind=false;
   m_producer="";
   m_doubt_number=-1;
   fresh=true;
   begin_ms=0;
   seen_ms=0;
  }
//+------------------------------------------------------------------+
//| Drops the last line if its signal was not sent: the lane's last  |
//| number is still the one before it. Then writes the file anew.    |
//+------------------------------------------------------------------+
bool CMt5RedisTold::Settle(const string producer_,const long number_)
  {
   if(m_doubt_number>=0 && m_doubt_number==number_ && m_producer==producer_)
     {
      int at_=Find(m_before.id,m_before.order);
      if(m_was_known)
         all[at_]=m_before;
      else
        {
         int last_=Total()-1;
         all[at_]=all[last_];
         ArrayResize(all,last_,64);
        }
     }
   m_doubt_number=-1;
   m_producer=producer_;
   return(Rewrite());
  }
//+------------------------------------------------------------------+
int CMt5RedisTold::Find(const long id_,const bool order_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].id==id_ && all[i_].order==order_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
int CMt5RedisTold::Add(const SMt5RedisTold &told_)
  {
   int at_=Total();
   ArrayResize(all,at_+1,64);
   all[at_]=told_;
   return(at_);
  }
//+------------------------------------------------------------------+
string CMt5RedisTold::Line(const SMt5RedisTold &told_,const long number_) const
  {
   return(StringFormat("%s\t%I64d\t%I64d\t%s\t%I64d\t%.8f\t%.8f\t%.8f\t%.8f\t%.8f\t%d\t%I64d\t%I64u\t%I64d\t%s",
                       told_.order ? "order" : "position",number_,told_.id,told_.symbol,told_.magic,told_.lots,
                       told_.price,told_.limit,told_.stop_loss,told_.take_profit,told_.type,told_.expiry_ms,
                       told_.deal,told_.ended_ms,told_.comment));
  }
//+------------------------------------------------------------------+
bool CMt5RedisTold::Read(const string line_)
  {
   string f_[];
   int    count_=StringSplit(line_,MT5R_TOLD_FIELD,f_);
   if(count_==3 && f_[0]=="seen")
     {
      fresh=false;
      m_doubt_number=-1;
      begin_ms=StringToInteger(f_[1]);
      seen_ms=StringToInteger(f_[2]);
      return(true);
     }
   if(count_==2 && f_[0]=="producer")
     {
      m_producer=f_[1];
      return(true);
     }
   if(count_!=15 || (f_[0]!="position" && f_[0]!="order"))
      return(false);
   SMt5RedisTold told_;
   Mt5RedisClear(told_);
   told_.order=(f_[0]=="order");
   told_.id=StringToInteger(f_[2]);
   told_.symbol=f_[3];
   told_.magic=StringToInteger(f_[4]);
   told_.lots=StringToDouble(f_[5]);
   told_.price=StringToDouble(f_[6]);
   told_.limit=StringToDouble(f_[7]);
   told_.stop_loss=StringToDouble(f_[8]);
   told_.take_profit=StringToDouble(f_[9]);
   told_.type=(int)StringToInteger(f_[10]);
   told_.expiry_ms=StringToInteger(f_[11]);
   told_.deal=(ulong)StringToInteger(f_[12]);
   told_.ended_ms=StringToInteger(f_[13]);
   told_.comment=f_[14];
   int at_=Find(told_.id,told_.order);
   m_doubt_number=StringToInteger(f_[1]);
   m_was_known=(at_>=0);
   if(at_<0)
      at_=Add(told_);
   m_before=all[at_];
   all[at_]=told_;
   return(true);
  }
//+------------------------------------------------------------------+
//| Writes what is told of one, before it is sent. number: the last  |
//| number of the lane; below 0: nothing is sent. False: it is not   |
//| on the disk; nothing more is written until Rewrite succeeds.     |
//+------------------------------------------------------------------+
bool CMt5RedisTold::Write(const int at_,const long number_)
  {
   if(m_behind)
      return(false);
   m_lines++;
   m_behind=!m_file.Append(Line(all[at_],number_));
   return(!m_behind);
  }
//+------------------------------------------------------------------+
//| Writes until when everything was told.                           |
//+------------------------------------------------------------------+
bool CMt5RedisTold::Seen(const long ms_)
  {
   if(m_behind)
      return(false);
   seen_ms=(long)MathMax(seen_ms,ms_);
   m_lines++;
   m_behind=!m_file.Append(StringFormat("seen\t%I64d\t%I64d",begin_ms,seen_ms));
   return(!m_behind);
  }
//+------------------------------------------------------------------+
//| Writes the file anew. False: it is unchanged.                    |
//+------------------------------------------------------------------+
bool CMt5RedisTold::Rewrite(void)
  {
   string lines_[];
   int    total_=Total();
   int    count_=0;
   ArrayResize(lines_,total_+2);
   lines_[count_]="producer\t"+m_producer;
   count_++;
   for(int i_=0; i_<total_; i_++)
      if(!all[i_].ignored && (all[i_].lots!=0.0 || all[i_].ended_ms>0))
        {
         lines_[count_]=Line(all[i_],-1);
         count_++;
        }
   if(seen_ms>0)
     {
      lines_[count_]=StringFormat("seen\t%I64d\t%I64d",begin_ms,seen_ms);
      count_++;
     }
   if(!m_file.Rewrite(lines_,count_))
      return(false);
   m_behind=false;
   m_lines=count_+1;
   return(true);
  }
//+------------------------------------------------------------------+
//| Forgets what ended before this time of the trade server, and     |
//| what was ignored.                                                |
//+------------------------------------------------------------------+
void CMt5RedisTold::Forget(const long before_ms_)
  {
   int kept_=0;
   for(int i_=0; i_<Total(); i_++)
     {
      bool ended_=(all[i_].ended_ms>0 && all[i_].ended_ms<before_ms_);
      if(all[i_].ignored || (ended_ && all[i_].lots==0.0))
         continue;
      if(kept_<i_)
         all[kept_]=all[i_];
      kept_++;
     }
   ArrayResize(all,kept_,64);
  }
//+------------------------------------------------------------------+
#endif
