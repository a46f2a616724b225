//+------------------------------------------------------------------+
//|                                             Mt5RedisCopies.mqh   |
//|  The copies that a follower holds, and their volumes.            |
//+------------------------------------------------------------------+
// There is one copy for each opening that was followed. It stores what the source holds, what that means here before
// rounding, what is held here, and what should be left. Totals are rounded, not parts: a part that is too small to be
// traded counts towards the next one, and the last part closes the rest. On a netting account the copies of a symbol
// share one position, and only this list knows their shares.
//
// A share, of the source's lots or of those wanted here, may have no end as a decimal. It is never rounded: rounded thirds
// add up to less than the whole, and a total that misses its step by so little would be rounded down by all of it.
//
// Volumes here are decisions; others carry them out.
#ifndef MT5_REDIS_COPIES_MQH
#define MT5_REDIS_COPIES_MQH
#include "Mt5RedisSymbol.mqh"
#include "Mt5RedisMemory.mqh"

#define MT5R_LOTS_EPSILON  0.0000001
#define MT5R_SHARE_DIGITS  15     // of a share in the memory: all that a double has
#define MT5R_COPIES_MOST   4096   // beyond this number, copies that hold nothing are forgotten

//+------------------------------------------------------------------+
//| A copy.                                                          |
//+------------------------------------------------------------------+
struct SMt5RedisCopy
  {
   long              number;         // its name in the memory
   string            source;         // the instance; empty: found in the account, source unknown
   string            origin;         // of source and magic number; empty: unknown
   long              position;       // the source's position; 0: its signals name none
   string            symbol;         // this broker's
   string            theirs;         // the source's name of it; empty: unknown
   string            comment;        // of the order that opened it
   bool              buy;
   double            given;          // lots that the source still holds
   double            want;           // the same in lots here, before rounding
   double            held;           // lots that are held here
   double            goal;           // lots that should be left
   long              id;             // its POSITION_IDENTIFIER; 0: unknown, or the account is flat
   double            owed_loss;      // stops that it should have and does not have yet; 0: none
   double            owed_profit;
   bool              shown;          // the terminal's list has shown it since its last change
   ulong             changed_ms;     // its last change here; this and the following are not stored
   ulong             absent_ms;      // since when the list lacks it; 0: it is listed
   ulong             asked_ms;       // an order to close it is in doubt since; 0: none is
   double            asked_volume;   // lots that were open before that order
   double            asked_traded;   // lots that its comment had traded before
  };
//+------------------------------------------------------------------+
//| The copies.                                                      |
//+------------------------------------------------------------------+
class CMt5RedisCopies
  {
private:
   long              m_last;
   CMt5RedisMark     m_mark;

   double            Taken(const int at_,const double lots_);
   void              Spread(const int &meant_[],const int count_,const bool buy_);
   void              SetGoals(const int &meant_[],const int count_,const bool buy_,const CMt5RedisSymbol &symbol_);
   void              ForgetEmpty(void);
   void              Sum(const string origin_,const long position_,const string symbol_,const bool buy_,
                         const string except_,double &want_,double &goal_) const;

public:
   SMt5RedisCopy     all[];          // the oldest first

                     CMt5RedisCopies(void) : m_last(0) { }
   void              Clear(void);
   int               Total(void) const      { return(ArraySize(all)); }
   int               Add(const SMt5RedisCopy &copy_);
   void              Start(SMt5RedisCopy &copy_) const;
   void              Remove(const int at_);
   void              Hold(const int at_,const double lots_);
   bool              IsOf(const int at_,const string origin_,const long position_,const string symbol_) const;
   bool              IsOver(const int at_) const;
   int               FindById(const long id_) const;
   int               FindByComment(const string comment_) const;
   double            Opening(const string origin_,const long position_,const string symbol_,const bool buy_,
                             const double exact_,const CMt5RedisSymbol &rules_) const;
   double            Rest(const string origin_,const long position_,const string symbol_,const bool buy_,
                          const string except_) const;
   bool              Has(const string origin_,const long position_,const string symbol_,const bool buy_) const;
   void              Reduce(const int &meant_[],const int count_,const double volume_,const bool one_,
                            const CMt5RedisSymbol &symbol_);
   double            Net(const string symbol_) const;
   string            Record(const int at_) const;
   string            GoneRecord(const int at_) const { return(StringFormat("gone\t%I64d",all[at_].number)); }
   bool              Take(const string record_);
  };
//+------------------------------------------------------------------+
void CMt5RedisCopies::Clear(void)
  {
   ArrayFree(all);
   m_last=0;
  }
//+------------------------------------------------------------------+
//| Adds a copy, which gets its number, and returns its place.       |
//+------------------------------------------------------------------+
int CMt5RedisCopies::Add(const SMt5RedisCopy &copy_)
  {
   if(Total()>=MT5R_COPIES_MOST)
      ForgetEmpty();
   int at_=Total();
   ArrayResize(all,at_+1,64);
   all[at_]=copy_;
   Start(all[at_]);
   m_last++;
   all[at_].number=m_last;
   return(at_);
  }
//+------------------------------------------------------------------+
//| Initialises what is not stored.                                  |
//+------------------------------------------------------------------+
void CMt5RedisCopies::Start(SMt5RedisCopy &copy_) const
  {
   copy_.shown=false;
   copy_.changed_ms=GetTickCount64();
   copy_.absent_ms=0;
   copy_.asked_ms=0;
   copy_.asked_volume=0.0;
   copy_.asked_traded=0.0;
  }
//+------------------------------------------------------------------+
void CMt5RedisCopies::Remove(const int at_)
  {
   int last_=Total()-1;
   for(int i_=at_; i_<last_; i_++)
      all[i_]=all[i_+1];
   ArrayResize(all,last_,64);
  }
//+------------------------------------------------------------------+
//| Sets the lots that are held, and the source's share of them.     |
//+------------------------------------------------------------------+
void CMt5RedisCopies::Hold(const int at_,const double lots_)
  {
   double part_=(all[at_].held<MT5R_LOTS_EPSILON ? 0.0 : lots_/all[at_].held);
   all[at_].given*=part_;
   all[at_].want*=part_;
   all[at_].held=NormalizeDouble(MathMax(0.0,lots_),8);
   all[at_].goal=MathMin(all[at_].goal,all[at_].held);
  }
//+------------------------------------------------------------------+
void CMt5RedisCopies::ForgetEmpty(void)
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].held<MT5R_LOTS_EPSILON)
         Remove(i_);
  }
//+------------------------------------------------------------------+
//| Whether signals of this origin, position and symbol mean the     |
//| copy. A source alone means all its origins, a position of 0 all  |
//| positions. A copy of unknown origin may be anybody's.            |
//+------------------------------------------------------------------+
bool CMt5RedisCopies::IsOf(const int at_,const string origin_,const long position_,const string symbol_) const
  {
   if(all[at_].symbol!=symbol_)
      return(false);
   if(all[at_].origin!="" && StringFind(all[at_].origin,origin_)!=0)
      return(false);
   return(position_==0 || all[at_].position==0 || all[at_].position==position_);
  }
//+------------------------------------------------------------------+
//| Whether nothing is held, here or at the source.                  |
//+------------------------------------------------------------------+
bool CMt5RedisCopies::IsOver(const int at_) const
  {
   return(all[at_].held<MT5R_LOTS_EPSILON && all[at_].given<MT5R_LOTS_EPSILON);
  }
//+------------------------------------------------------------------+
int CMt5RedisCopies::FindById(const long id_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(id_>0 && all[i_].id==id_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
int CMt5RedisCopies::FindByComment(const string comment_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(comment_!="" && all[i_].comment==comment_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
//| The lots that an opening of these exact lots should open: the    |
//| total wanted for this position and side, rounded down, minus     |
//| what is there.                                                   |
//+------------------------------------------------------------------+
double CMt5RedisCopies::Opening(const string origin_,const long position_,const string symbol_,const bool buy_,
                                const double exact_,const CMt5RedisSymbol &rules_) const
  {
   double want_=0.0;
   double there_=0.0;
   Sum(origin_,position_,symbol_,buy_,"",want_,there_);
   //--- never more than this opening and the rest from before
   return(rules_.LotsDown(rules_.LotsDown(want_+exact_)-there_));
  }
//+------------------------------------------------------------------+
//| What was too small so far, lots before rounding. except: of the  |
//| copies without the one with this comment.                        |
//+------------------------------------------------------------------+
double CMt5RedisCopies::Rest(const string origin_,const long position_,const string symbol_,const bool buy_,
                             const string except_) const
  {
   double want_=0.0;
   double there_=0.0;
   Sum(origin_,position_,symbol_,buy_,except_,want_,there_);
   return(MathMax(0.0,want_-there_));
  }
//+------------------------------------------------------------------+
//| The sums of a position's copies on one side.                     |
//+------------------------------------------------------------------+
void CMt5RedisCopies::Sum(const string origin_,const long position_,const string symbol_,const bool buy_,
                          const string except_,double &want_,double &goal_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].buy==buy_ && all[i_].origin==origin_ && all[i_].position==position_ && all[i_].symbol==symbol_ &&
         (except_=="" || all[i_].comment!=except_))
        {
         want_+=all[i_].want;
         goal_+=all[i_].goal;
        }
  }
//+------------------------------------------------------------------+
//| Whether something is held for a position of the source, on this  |
//| side. A position of 0 is no particular one.                      |
//+------------------------------------------------------------------+
bool CMt5RedisCopies::Has(const string origin_,const long position_,const string symbol_,const bool buy_) const
  {
   for(int i_=Total()-1; position_!=0 && i_>=0; i_--)
      if(all[i_].buy==buy_ && all[i_].origin==origin_ && all[i_].position==position_ && all[i_].symbol==symbol_ &&
         all[i_].held>=MT5R_LOTS_EPSILON)
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
//| The source closed lots of these copies; 0: all. Sets what should |
//| be left of each.                                                 |
//| one: they copy one position, so each gives the same share of its |
//|      lots; otherwise the oldest ones give theirs first           |
//+------------------------------------------------------------------+
void CMt5RedisCopies::Reduce(const int &meant_[],const int count_,const double volume_,const bool one_,
                             const CMt5RedisSymbol &symbol_)
  {
   double given_=0.0;
   for(int i_=0; i_<count_; i_++)
      given_+=all[meant_[i_]].given;
   double share_=(volume_<=0.0 || given_<=volume_ ? 1.0 : volume_/given_);
   double left_=volume_;
   for(int i_=0; i_<count_; i_++)
     {
      int at_=meant_[i_];
      if(one_ || share_>=1.0)
         left_=all[at_].given*share_;
      left_-=Taken(at_,left_);
     }
   SetGoals(meant_,count_,true,symbol_);
   SetGoals(meant_,count_,false,symbol_);
   if(!one_)
      return;
   Spread(meant_,count_,true);
   Spread(meant_,count_,false);
  }
//+------------------------------------------------------------------+
//| Spreads what the source holds of one position over its copies,   |
//| by what is left of each.                                         |
//+------------------------------------------------------------------+
void CMt5RedisCopies::Spread(const int &meant_[],const int count_,const bool buy_)
  {
   double given_=0.0;
   double want_=0.0;
   double goal_=0.0;
   for(int i_=0; i_<count_; i_++)
      if(all[meant_[i_]].buy==buy_)
        {
         given_+=all[meant_[i_]].given;
         want_+=all[meant_[i_]].want;
         goal_+=all[meant_[i_]].goal;
        }
   for(int i_=0; i_<count_ && goal_>=MT5R_LOTS_EPSILON; i_++)
      if(all[meant_[i_]].buy==buy_)
        {
         double part_=all[meant_[i_]].goal/goal_;
         all[meant_[i_]].given=given_*part_;
         all[meant_[i_]].want=want_*part_;
        }
  }
//+------------------------------------------------------------------+
//| Takes up to these lots from what the source holds, and returns   |
//| how many there were.                                             |
//+------------------------------------------------------------------+
double CMt5RedisCopies::Taken(const int at_,const double lots_)
  {
   double taken_=MathMin(all[at_].given,lots_);
   double rest_=all[at_].given-taken_;
   if(rest_<MT5R_LOTS_EPSILON)
     {
      all[at_].given=0.0;
      all[at_].want=0.0;
      return(taken_);
     }
   all[at_].want*=rest_/all[at_].given;
   all[at_].given=rest_;
   return(taken_);
  }
//+------------------------------------------------------------------+
//| Rounds the total of the copies of one side and takes the         |
//| difference from the oldest ones first, as brokers with the FIFO  |
//| rule require. A cut that is too small to be sent waits for more. |
//+------------------------------------------------------------------+
void CMt5RedisCopies::SetGoals(const int &meant_[],const int count_,const bool buy_,const CMt5RedisSymbol &symbol_)
  {
   double want_=0.0;
   double there_=0.0;
   double given_=0.0;
   for(int i_=0; i_<count_; i_++)
      if(all[meant_[i_]].buy==buy_)
        {
         want_+=all[meant_[i_]].want;
         there_+=all[meant_[i_]].goal;
         given_+=all[meant_[i_]].given;
        }
   double cut_=there_-(given_<MT5R_LOTS_EPSILON ? 0.0 : symbol_.LotsNear(want_));
   for(int i_=0; i_<count_; i_++)
     {
      int    at_=meant_[i_];
      double part_=MathMin(all[at_].goal,cut_);
      if(all[at_].buy!=buy_ || part_<MT5R_LOTS_EPSILON)
         continue;
      if(part_<all[at_].goal-MT5R_LOTS_EPSILON && part_<symbol_.LeastLots()-MT5R_LOTS_EPSILON)
         continue;
      all[at_].goal=NormalizeDouble(all[at_].goal-part_,8);
      cut_-=part_;
     }
  }
//+------------------------------------------------------------------+
//| The sum of the copies of a symbol on a netting account: lots,    |
//| below 0: sold.                                                   |
//+------------------------------------------------------------------+
double CMt5RedisCopies::Net(const string symbol_) const
  {
   double lots_=0.0;
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].symbol==symbol_)
         lots_+=(all[i_].buy ? all[i_].held : -all[i_].held);
   return(NormalizeDouble(lots_,8));
  }
//+------------------------------------------------------------------+
//| A copy as a record of the memory.                                |
//+------------------------------------------------------------------+
string CMt5RedisCopies::Record(const int at_) const
  {
   return(StringFormat("copy\t%I64d\t%s\t%s\t%I64d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%I64d\t%s\t%s\t%s",all[at_].number,
                       all[at_].source,all[at_].origin,all[at_].position,all[at_].symbol,all[at_].comment,
                       all[at_].buy ? "buy" : "sell",
                       DoubleToString(all[at_].given,MT5R_SHARE_DIGITS),DoubleToString(all[at_].want,MT5R_SHARE_DIGITS),
                       DoubleToString(all[at_].held,8),DoubleToString(all[at_].goal,8),all[at_].id,all[at_].theirs,
                       DoubleToString(all[at_].owed_loss,8),DoubleToString(all[at_].owed_profit,8)));
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it is not a copy.           |
//+------------------------------------------------------------------+
bool CMt5RedisCopies::Take(const string record_)
  {
   string fields_[];
   int    count_=StringSplit(record_,MT5R_FIELD,fields_);
   if((count_!=16 || fields_[0]!="copy") && (count_!=2 || fields_[0]!="gone"))
      return(false);
   long number_=StringToInteger(fields_[1]);
   int  at_=Total()-1;
   while(at_>=0 && all[at_].number!=number_)
      at_--;
   if(count_==2)
     {
      if(at_>=0)
         Remove(at_);
      return(true);
     }
   if(at_<0)
     {
      at_=Total();
      ArrayResize(all,at_+1,64);
     }
   m_last=(long)MathMax(m_last,number_);
   all[at_].number=number_;
   all[at_].source=fields_[2];
   all[at_].origin=fields_[3];
   all[at_].position=StringToInteger(fields_[4]);
   all[at_].symbol=fields_[5];
   all[at_].comment=fields_[6];
   all[at_].buy=(fields_[7]=="buy");
   all[at_].given=StringToDouble(fields_[8]);
   all[at_].want=StringToDouble(fields_[9]);
   all[at_].held=StringToDouble(fields_[10]);
   all[at_].goal=StringToDouble(fields_[11]);
   all[at_].id=StringToInteger(fields_[12]);
   all[at_].theirs=fields_[13];
   all[at_].owed_loss=StringToDouble(fields_[14]);
   all[at_].owed_profit=StringToDouble(fields_[15]);
   Start(all[at_]);
   return(true);
  }
//+------------------------------------------------------------------+
#endif
