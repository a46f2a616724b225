//+------------------------------------------------------------------+
//|                                               Mt5RedisMark.mqh   |
//|  The comment of an order that a signal leads to.                 |
//+------------------------------------------------------------------+
// A mark of at most 31 characters identifies the signal and the source's position. So the account itself shows which
// position copies what, even after a file was lost or in another terminal.
//
//    r4fWb0ke51Zt.9qr3Kf
//
// are the letter r, four characters for the source, four for its producer, the sequence number, a point, four
// characters for the magic number, and the source's position. Numbers have 64 digits. The mark of a close begins with
// c. If an opening turns a position, the order that closes the old direction begins with q. What closes all copies of a
// source, or of every one, begins with a, and has the symbol in place of the magic number.
//
// A sender can choose its producer and magic number, so these have characters of their own: no choice makes its signals
// look like another source's. Source and magic number together are the origin of a copy.
#ifndef MT5_REDIS_MARK_MQH
#define MT5_REDIS_MARK_MQH

#define MT5R_MARK_DIGITS  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
#define MT5R_MARK_SOURCE    4  // characters for the source
#define MT5R_MARK_PRODUCER  4  // and for its producer
#define MT5R_MARK_MAGIC     4
#define MT5R_EVERY_SOURCE   "*" // in place of a source: all of them

//+------------------------------------------------------------------+
//| Writes and reads marks.                                          |
//+------------------------------------------------------------------+
class CMt5RedisMark
  {
private:
   string            Written(const ulong number_,const int most_) const;

public:
   ulong             Sum(const string text_) const;
   string            Hash(const string text_,const int length_) const;
   string            Source(const string source_) const { return(Hash(source_,MT5R_MARK_SOURCE)); }
   string            Origin(const string source_,const long magic_) const;
   string            Of(const string letter_,const string source_,const long producer_,const long sequence_,
                        const long magic_,const long position_) const;
   string            As(const string letter_,const string mark_) const { return(letter_+StringSubstr(mark_,1)); }
   bool              Opens(const string mark_) const { return(StringGetCharacter(mark_,0)=='r'); }
   string            OfAll(const string source_,const string symbol_,const long now_) const;
   bool              ClosesAll(const string mark_,const string origin_) const;
   bool              IsFrom(const string origin_,const string source_) const;
   string            OfDeal(const ulong deal_,const long magic_) const;
   bool              IsMark(const string comment_) const;
   string            OriginOf(const string mark_) const;
   long              PositionOf(const string mark_) const;
  };
//+------------------------------------------------------------------+
//| FNV-1a, 64 bits, of the text's UTF-16.                           |
//+------------------------------------------------------------------+
ulong CMt5RedisMark::Sum(const string text_) const
  {
   ulong sum_=14695981039346656037;
   for(int i_=0; i_<StringLen(text_); i_++)
     {
      sum_^=StringGetCharacter(text_,i_);
      sum_*=1099511628211;
     }
   return(sum_);
  }
//+------------------------------------------------------------------+
string CMt5RedisMark::Hash(const string text_,const int length_) const
  {
   ulong  sum_=Sum(text_);
   string hash_="";
   sum_^=(sum_>>36);
   for(int i_=0; i_<length_; i_++)
     {
      hash_+=StringSubstr(MT5R_MARK_DIGITS,(int)(sum_%64),1);
      sum_/=64;
     }
   return(hash_);
  }
//+------------------------------------------------------------------+
//| The number without leading zeros; of a longer number the last    |
//| digits.                                                          |
//+------------------------------------------------------------------+
string CMt5RedisMark::Written(const ulong number_,const int most_) const
  {
   string text_="";
   ulong  left_=number_;
   for(int i_=0; i_<most_ && left_>0; i_++)
     {
      text_=StringSubstr(MT5R_MARK_DIGITS,(int)(left_%64),1)+text_;
      left_/=64;
     }
   return(text_);
  }
//+------------------------------------------------------------------+
//| The origin: the same for all signals of a source with one magic  |
//| number; it begins like the source.                               |
//+------------------------------------------------------------------+
string CMt5RedisMark::Origin(const string source_,const long magic_) const
  {
   return(Source(source_)+Hash(IntegerToString(magic_),MT5R_MARK_MAGIC));
  }
//+------------------------------------------------------------------+
string CMt5RedisMark::Of(const string letter_,const string source_,const long producer_,const long sequence_,
                         const long magic_,const long position_) const
  {
   return(letter_+Source(source_)+Hash(IntegerToString(producer_),MT5R_MARK_PRODUCER)+Written((ulong)sequence_,7)+"."+
          Hash(IntegerToString(magic_),MT5R_MARK_MAGIC)+Written((ulong)position_,10));
  }
//+------------------------------------------------------------------+
//| Of an order that closes all copies of a source in a symbol.      |
//+------------------------------------------------------------------+
string CMt5RedisMark::OfAll(const string source_,const string symbol_,const long now_) const
  {
   return(Of("a",source_,0,now_,(long)(Sum(symbol_)%1000000000),0));
  }
//+------------------------------------------------------------------+
//| Whether an order with this mark closed the copies of an origin,  |
//| with all others of its source.                                   |
//+------------------------------------------------------------------+
bool CMt5RedisMark::ClosesAll(const string mark_,const string origin_) const
  {
   return(StringGetCharacter(mark_,0)=='a' && IsFrom(origin_,StringSubstr(mark_,1,MT5R_MARK_SOURCE)));
  }
//+------------------------------------------------------------------+
//| Whether an origin is one of a source, given by its characters.   |
//+------------------------------------------------------------------+
bool CMt5RedisMark::IsFrom(const string origin_,const string source_) const
  {
   return(source_==Source(MT5R_EVERY_SOURCE) || StringFind(origin_,source_)==0);
  }
//+------------------------------------------------------------------+
bool CMt5RedisMark::IsMark(const string comment_) const
  {
   int    point_=StringFind(comment_,".");
   int    length_=StringLen(comment_);
   ushort first_=StringGetCharacter(comment_,0);
   if((first_!='r' && first_!='c' && first_!='q' && first_!='a') || point_<=MT5R_MARK_SOURCE+MT5R_MARK_PRODUCER ||
      length_<=point_+MT5R_MARK_MAGIC || length_>31)
      return(false);
   for(int i_=0; i_<length_; i_++)
      if(i_!=point_ && StringFind(MT5R_MARK_DIGITS,StringSubstr(comment_,i_,1))<0)
         return(false);
   return(true);
  }
//+------------------------------------------------------------------+
//| The mark of the order that made a deal of the selected history;  |
//| empty: no order of a program with this magic number did. A deal  |
//| of a position's stop has the position's comment at some brokers. |
//+------------------------------------------------------------------+
string CMt5RedisMark::OfDeal(const ulong deal_,const long magic_) const
  {
   if(deal_==0 || HistoryDealGetInteger(deal_,DEAL_MAGIC)!=magic_ ||
      HistoryDealGetInteger(deal_,DEAL_REASON)!=DEAL_REASON_EXPERT)
      return("");
   string comment_=HistoryDealGetString(deal_,DEAL_COMMENT);
   return(IsMark(comment_) ? comment_ : "");
  }
//+------------------------------------------------------------------+
string CMt5RedisMark::OriginOf(const string mark_) const
  {
   return(StringSubstr(mark_,1,MT5R_MARK_SOURCE)+
          StringSubstr(mark_,StringFind(mark_,".")+1,MT5R_MARK_MAGIC));
  }
//+------------------------------------------------------------------+
//| The source's position; 0: the signal named none.                 |
//+------------------------------------------------------------------+
long CMt5RedisMark::PositionOf(const string mark_) const
  {
   long position_=0;
   for(int i_=StringFind(mark_,".")+1+MT5R_MARK_MAGIC; i_<StringLen(mark_); i_++)
      position_=position_*64+StringFind(MT5R_MARK_DIGITS,StringSubstr(mark_,i_,1));
   return(position_);
  }
//+------------------------------------------------------------------+
#endif
