//+------------------------------------------------------------------+
//|                                            Mt5RedisDealLog.mqh   |
//|  The account's deals, each to be sent once.                      |
//+------------------------------------------------------------------+
// A deal is sent when it is first seen in the selected history. What an earlier program sent comes again after a restart; the
// library does not write it again.
#ifndef MT5_REDIS_DEAL_LOG_MQH
#define MT5_REDIS_DEAL_LOG_MQH
#include "Mt5RedisFollower.mqh"

//+------------------------------------------------------------------+
//| A session that sends deals, and counts what it sends.            |
//+------------------------------------------------------------------+
class CMt5RedisDealLog : public CMt5RedisFollower
  {
private:
   long              m_told[];         // tickets of the deals that were sent, in the order of the history
   bool              m_all_told;       // all deals of the last look were sent

   bool              IsTold(const long deal_,int &next_) const;
   void              ReadDeal(const ulong deal_,mt5redis_deal_t &read_) const;

protected:
   int               m_sent;           // records of this look
   long              m_refused;        // the first refusal of this look

   void              Count(const long result_);
   void              SendDeals(void);
   bool              AllDealsSent(void) const { return(m_all_told); }
   void              ForgetDeals(void)        { ArrayFree(m_told); }

public:
                     CMt5RedisDealLog(void) : m_all_told(true),m_sent(0),m_refused(0) { }
  };
//+------------------------------------------------------------------+
void CMt5RedisDealLog::Count(const long result_)
  {
   if(result_>0)
      m_sent++;
   if(result_<0 && m_refused==0)
      m_refused=result_;
  }
//+------------------------------------------------------------------+
//| Sends the deals of the selected history that were not sent. What |
//| is older will not come up again, and is forgotten.               |
//+------------------------------------------------------------------+
void CMt5RedisDealLog::SendDeals(void)
  {
   long now_[];
   int  next_=0;
   int  kept_=0;
   int  total_=HistoryDealsTotal();
   m_all_told=true;
   for(int i_=0; i_<total_; i_++)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(deal_==0)
         continue;
      if(!IsTold((long)deal_,next_))
        {
         mt5redis_deal_t read_;
         ReadDeal(deal_,read_);
         long result_=SendDeal(read_,HistoryDealGetString(deal_,DEAL_SYMBOL),
                               HistoryDealGetString(deal_,DEAL_COMMENT));
         Count(result_);
         if(result_<=0)
           {
            m_all_told=false;
            continue;
           }
        }
      ArrayResize(now_,kept_+1,64);
      now_[kept_]=(long)deal_;
      kept_++;
     }
   ArrayResize(m_told,kept_,64);
   for(int i_=0; i_<kept_; i_++)
      m_told[i_]=now_[i_];
  }
//+------------------------------------------------------------------+
//| Deals come in the same order each time: the search begins where  |
//| the last one ended.                                              |
//+------------------------------------------------------------------+
bool CMt5RedisDealLog::IsTold(const long deal_,int &next_) const
  {
   int size_=ArraySize(m_told);
   for(int i_=0; i_<size_; i_++)
     {
      int at_=(next_+i_)%size_;
      if(m_told[at_]==deal_)
        {
         next_=at_+1;
         return(true);
        }
     }
   return(false);
  }
//+------------------------------------------------------------------+
//| Reads a deal of the selected history.                            |
//+------------------------------------------------------------------+
void CMt5RedisDealLog::ReadDeal(const ulong deal_,mt5redis_deal_t &read_) const
  {
   ZeroMemory(read_);
   read_.time_ms=ServerToUtc(HistoryDealGetInteger(deal_,DEAL_TIME_MSC));
   read_.server_offset_s=ServerOffset();
   read_.deal=(long)deal_;
   read_.order=HistoryDealGetInteger(deal_,DEAL_ORDER);
   read_.position=HistoryDealGetInteger(deal_,DEAL_POSITION_ID);
   read_.magic=HistoryDealGetInteger(deal_,DEAL_MAGIC);
   read_.volume=HistoryDealGetDouble(deal_,DEAL_VOLUME);
   read_.price=HistoryDealGetDouble(deal_,DEAL_PRICE);
   read_.profit=HistoryDealGetDouble(deal_,DEAL_PROFIT);
   read_.swap=HistoryDealGetDouble(deal_,DEAL_SWAP);
   read_.commission=HistoryDealGetDouble(deal_,DEAL_COMMISSION)+HistoryDealGetDouble(deal_,DEAL_FEE);
   switch((ENUM_DEAL_TYPE)HistoryDealGetInteger(deal_,DEAL_TYPE))
     {
      case DEAL_TYPE_BUY:
         read_.kind=MT5REDIS_DEAL_BUY;
         break;
      case DEAL_TYPE_SELL:
         read_.kind=MT5REDIS_DEAL_SELL;
         break;
      case DEAL_TYPE_BALANCE:
      case DEAL_TYPE_BONUS:
         read_.kind=MT5REDIS_DEAL_BALANCE;
         break;
      case DEAL_TYPE_CREDIT:
         read_.kind=MT5REDIS_DEAL_CREDIT;
         break;
      default:
         read_.kind=MT5REDIS_DEAL_OTHER;
     }
   read_.entry=MT5REDIS_ENTRY_NONE;
   if(read_.kind!=MT5REDIS_DEAL_BUY && read_.kind!=MT5REDIS_DEAL_SELL)
      return;
   read_.digits=(int)SymbolInfoInteger(HistoryDealGetString(deal_,DEAL_SYMBOL),SYMBOL_DIGITS);
   switch((ENUM_DEAL_ENTRY)HistoryDealGetInteger(deal_,DEAL_ENTRY))
     {
      case DEAL_ENTRY_IN:
         read_.entry=MT5REDIS_ENTRY_IN;
         break;
      case DEAL_ENTRY_INOUT:
         read_.entry=MT5REDIS_ENTRY_REVERSE;
         break;
      case DEAL_ENTRY_OUT_BY:
         read_.entry=MT5REDIS_ENTRY_OUT_BY;
         break;
      default:
         read_.entry=MT5REDIS_ENTRY_OUT;
     }
  }
//+------------------------------------------------------------------+
#endif
