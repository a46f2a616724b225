//+------------------------------------------------------------------+
//|                                              Mt5RedisPairs.mqh   |
//|  Reads the lists that a person types into an input.              |
//+------------------------------------------------------------------+
// A list has commas between its entries. Extra blanks and commas do no harm. A list of names is EURUSD,XAUUSD; a list of
// pairs is EURUSD=EURUSD.m,XAUUSD=GOLD, where each left side occurs once. An entry that can mean nothing is refused, so
// that a typing error does not go unnoticed.
#ifndef MT5_REDIS_PAIRS_MQH
#define MT5_REDIS_PAIRS_MQH

//+------------------------------------------------------------------+
//| A list of names, or of pairs.                                    |
//+------------------------------------------------------------------+
class CMt5RedisPairs
  {
private:
   string            m_left[];
   string            m_right[];      // of a name: empty

   string            Trimmed(const string text_) const;

public:
   bool              Read(const string list_,const string what_,const string example_,string &error_);
   void              ReadNames(const string list_);
   int               Total(void) const              { return(ArraySize(m_left)); }
   string            Left(const int at_) const      { return(m_left[at_]); }
   string            Right(const int at_) const     { return(m_right[at_]); }
   int               Find(const string left_) const;
  };
//+------------------------------------------------------------------+
string CMt5RedisPairs::Trimmed(const string text_) const
  {
   string text_left_=text_;
   StringTrimLeft(text_left_);
   StringTrimRight(text_left_);
   return(text_left_);
  }
//+------------------------------------------------------------------+
//| Reads pairs. False: an entry is none; error says which one.      |
//| what: the name of the list, for the error                        |
//| example: a pair                                                  |
//+------------------------------------------------------------------+
bool CMt5RedisPairs::Read(const string list_,const string what_,const string example_,string &error_)
  {
   string entries_[];
   int    count_=StringSplit(list_,',',entries_);
   ArrayResize(m_left,0);
   ArrayResize(m_right,0);
   for(int i_=0; i_<count_; i_++)
     {
      string entry_=Trimmed(entries_[i_]);
      string sides_[];
      if(entry_=="")
         continue;
      int parts_=StringSplit(entry_,'=',sides_);
      if(parts_!=2 || Trimmed(sides_[0])=="" || Trimmed(sides_[1])=="")
        {
         error_=what_+": \""+entry_+"\" is not a pair. Write it like "+example_;
         return(false);
        }
      if(Find(Trimmed(sides_[0]))>=0)
        {
         error_=what_+": "+Trimmed(sides_[0])+" occurs twice. Remove one of the two";
         return(false);
        }
      int last_=Total();
      ArrayResize(m_left,last_+1);
      ArrayResize(m_right,last_+1);
      m_left[last_]=Trimmed(sides_[0]);
      m_right[last_]=Trimmed(sides_[1]);
     }
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisPairs::ReadNames(const string list_)
  {
   string entries_[];
   int    count_=StringSplit(list_,',',entries_);
   int    found_=0;
   ArrayResize(m_left,0);
   for(int i_=0; i_<count_; i_++)
      if(Trimmed(entries_[i_])!="")
        {
         ArrayResize(m_left,found_+1);
         m_left[found_]=Trimmed(entries_[i_]);
         found_++;
        }
   ArrayResize(m_right,found_);
  }
//+------------------------------------------------------------------+
//| The place of an entry; below 0: it is not on the list.           |
//+------------------------------------------------------------------+
int CMt5RedisPairs::Find(const string left_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(m_left[i_]==left_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
#endif
