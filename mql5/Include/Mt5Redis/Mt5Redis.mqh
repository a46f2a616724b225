//+------------------------------------------------------------------+
//|                                                   Mt5Redis.mqh   |
//|  Account, positions and signals of this terminal, in Redis.      |
//+------------------------------------------------------------------+
// The class a program uses:
//
//    CMt5Redis redis;
//    OnInit:             redis.Open("redis://127.0.0.1:6379")
//    OnTimer:            redis.PublishInstance(); redis.PublishPositions(); redis.PrintEvents();
//    OnTradeTransaction: redis.MarkTrade(trans);
//    OnTick:             redis.Signal(MT5REDIS_ACTION_BUY,_Symbol,0.10,stop,target,MAGIC,"why");
//    OnDeinit:           redis.Close(reason);
//
// Nothing here waits for the network but Flush and Close, and those no longer than told. What publishes
// returns a number above 0, 0 when there was nothing to say (or in the strategy tester, where all of it does
// nothing), or an error code below 0; ErrorText says what was wrong and what to do.
#ifndef MT5_REDIS_MQH
#define MT5_REDIS_MQH
#include "Mt5RedisPositions.mqh"

//+------------------------------------------------------------------+
//| The class.                                                       |
//+------------------------------------------------------------------+
class CMt5Redis : public CMt5RedisPositions
  {
private:
   static int        Flag(const bool set,const int flag) { return(set ? flag : 0); }

public:
   long              PublishInstance(const int interval_ms=1000,const string agent="");
   long              Signal(const int action,const string symbol,const double volume,
                            const double stop_loss=0.0,const double take_profit=0.0,
                            const long magic=0,const string comment="",
                            const long position=0,const double price=0.0,const int valid_s=0);
  };
//+------------------------------------------------------------------+
//| Publishes a heartbeat: account, margin, connection, permissions  |
//| and counts. interval_ms: how often it is called; agent: name     |
//| shown in Redis, default: the program's.                          |
//+------------------------------------------------------------------+
long CMt5Redis::PublishInstance(const int interval_ms,const string agent)
  {
   if(m_handle<=0)
      return(NotOpen());
   mt5redis_instance_t state;
   ZeroMemory(state);
   state.login=AccountInfoInteger(ACCOUNT_LOGIN);
   state.ping_us=(long)MathMax(0,TerminalInfoInteger(TERMINAL_PING_LAST));
   state.balance=AccountInfoDouble(ACCOUNT_BALANCE);
   state.equity=AccountInfoDouble(ACCOUNT_EQUITY);
   state.margin=AccountInfoDouble(ACCOUNT_MARGIN);
   state.margin_free=AccountInfoDouble(ACCOUNT_MARGIN_FREE);
   state.margin_level=AccountInfoDouble(ACCOUNT_MARGIN_LEVEL);
   state.profit=AccountInfoDouble(ACCOUNT_PROFIT);
   state.credit=AccountInfoDouble(ACCOUNT_CREDIT);
   state.server_offset_s=ServerOffset();
   state.leverage=(int)AccountInfoInteger(ACCOUNT_LEVERAGE);
   state.positions=PositionsTotal();
   state.orders=OrdersTotal();
   state.build=TerminalInfoInteger(TERMINAL_BUILD);
   state.interval_ms=interval_ms;
   state.flags=Flag(TerminalInfoInteger(TERMINAL_CONNECTED)!=0,MT5REDIS_FLAG_CONNECTED)+
               Flag(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED)!=0,MT5REDIS_FLAG_TERMINAL_TRADE)+
               Flag(MQLInfoInteger(MQL_TRADE_ALLOWED)!=0,MT5REDIS_FLAG_EXPERT_TRADE)+
               Flag(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED)!=0,MT5REDIS_FLAG_ACCOUNT_TRADE)+
               Flag(AccountInfoInteger(ACCOUNT_TRADE_EXPERT)!=0,MT5REDIS_FLAG_ACCOUNT_EXPERT)+
               Flag(AccountInfoInteger(ACCOUNT_MARGIN_MODE)==ACCOUNT_MARGIN_MODE_RETAIL_HEDGING,
                    MT5REDIS_FLAG_HEDGING)+
               Flag(TerminalInfoInteger(TERMINAL_VPS)!=0,MT5REDIS_FLAG_VPS);
   switch((ENUM_ACCOUNT_TRADE_MODE)AccountInfoInteger(ACCOUNT_TRADE_MODE))
     {
      case ACCOUNT_TRADE_MODE_DEMO:
         state.account=MT5REDIS_ACCOUNT_DEMO;
         break;
      case ACCOUNT_TRADE_MODE_CONTEST:
         state.account=MT5REDIS_ACCOUNT_CONTEST;
         break;
      default:
         state.account=MT5REDIS_ACCOUNT_REAL;
     }
   return(SendInstance(state,agent=="" ? MQLInfoString(MQL_PROGRAM_NAME) : agent));
  }
//+------------------------------------------------------------------+
//| Publishes a trade signal.                                        |
//| action:   MT5REDIS_ACTION_BUY, SELL, CLOSE or MODIFY             |
//| volume:   lots; above 0 for BUY and SELL; 0 in CLOSE: all        |
//| position: what CLOSE and MODIFY mean; 0: all of symbol and magic |
//| price:    when it was given; 0: market                           |
//| valid_s:  nobody should act on it later; 0: the reader decides   |
//+------------------------------------------------------------------+
long CMt5Redis::Signal(const int action,const string symbol,const double volume,const double stop_loss,
                       const double take_profit,const long magic,const string comment,
                       const long position,const double price,const int valid_s)
  {
   if(m_handle<=0)
      return(NotOpen());
   mt5redis_signal_t signal;
   ZeroMemory(signal);
   signal.action=action;
   signal.volume=volume;
   signal.stop_loss=stop_loss;
   signal.take_profit=take_profit;
   signal.magic=magic;
   signal.position=position;
   signal.price=price;
   signal.server_offset_s=ServerOffset();
   if(valid_s>0)
      signal.expiry_ms=((long)TimeGMT()+valid_s)*1000;
   return(SendSignal(signal,symbol,comment));
  }
//+------------------------------------------------------------------+
#endif
