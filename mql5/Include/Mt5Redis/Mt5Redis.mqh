//+------------------------------------------------------------------+
//|                                                   Mt5Redis.mqh   |
//|  Account, positions and signals of this terminal in Redis, and   |
//|  the signals of others.                                          |
//+------------------------------------------------------------------+
// The class a program uses:
//
//    CMt5Redis redis;
//    OnInit:             redis.Open("redis://127.0.0.1:6379")
//    OnTimer:            redis.PublishInstance(); redis.PublishPositions(); redis.PrintEvents();
//    OnTradeTransaction: redis.MarkTrade(trans);
//    OnTick:             redis.Buy(_Symbol,0.10,stop,target,MAGIC,"why");
//    OnDeinit:           redis.Close(reason);
//
// Only Flush and Close wait for the network, and no longer than their time-outs. Methods that publish return a number
// above 0; 0 if there was nothing to publish, and in the strategy tester, where they do nothing; or an error code below
// 0. ErrorText then says what was wrong and what to do.
//
// The same object reads the signals of other terminals with Subscribe and Next (Mt5RedisFollower.mqh).
#ifndef MT5_REDIS_MQH
#define MT5_REDIS_MQH
#include "Mt5RedisPositions.mqh"

//+------------------------------------------------------------------+
//| The class.                                                       |
//+------------------------------------------------------------------+
class CMt5Redis : public CMt5RedisPositions
  {
private:
   static int        Flag(const bool set_,const int flag_) { return(set_ ? flag_ : 0); }

public:
   long              PublishInstance(const int interval_ms_=1000,const string agent_="");
   //--- each returns the signal's sequence number
   long              Buy(const string symbol_,const double volume_,const double stop_loss_=0.0,
                         const double take_profit_=0.0,const long magic_=0,const string comment_="",
                         const long position_=0,const double price_=0.0,const int valid_s_=0);
   long              Sell(const string symbol_,const double volume_,const double stop_loss_=0.0,
                          const double take_profit_=0.0,const long magic_=0,const string comment_="",
                          const long position_=0,const double price_=0.0,const int valid_s_=0);
   long              CloseSignal(const string symbol_,const long magic_=0,const long position_=0,
                                 const double volume_=0.0,const string comment_="");
   long              Modify(const string symbol_,const double stop_loss_,const double take_profit_,
                            const long magic_=0,const long position_=0,const string comment_="");
   long              Signal(const int action_,const string symbol_,const double volume_,
                            const double stop_loss_=0.0,const double take_profit_=0.0,
                            const long magic_=0,const string comment_="",
                            const long position_=0,const double price_=0.0,const int valid_s_=0);
  };
//+------------------------------------------------------------------+
//| Publishes a heartbeat: account, margin, connection, permissions  |
//| and counts. interval_ms: how often it is called. agent: a name   |
//| shown in Redis; default: the program's.                          |
//+------------------------------------------------------------------+
long CMt5Redis::PublishInstance(const int interval_ms_,const string agent_)
  {
   if(!Ready())
      return(NotOpen());
   mt5redis_instance_t state_;
   ZeroMemory(state_);
   state_.login=AccountInfoInteger(ACCOUNT_LOGIN);
   state_.ping_us=(long)MathMax(0,TerminalInfoInteger(TERMINAL_PING_LAST));
   state_.balance=AccountInfoDouble(ACCOUNT_BALANCE);
   state_.equity=AccountInfoDouble(ACCOUNT_EQUITY);
   state_.margin=AccountInfoDouble(ACCOUNT_MARGIN);
   state_.margin_free=AccountInfoDouble(ACCOUNT_MARGIN_FREE);
   state_.margin_level=AccountInfoDouble(ACCOUNT_MARGIN_LEVEL);
   state_.profit=AccountInfoDouble(ACCOUNT_PROFIT);
   state_.credit=AccountInfoDouble(ACCOUNT_CREDIT);
   state_.server_offset_s=ServerOffset();
   state_.leverage=(int)AccountInfoInteger(ACCOUNT_LEVERAGE);
   state_.positions=PositionsTotal();
   state_.orders=OrdersTotal();
   state_.build=TerminalInfoInteger(TERMINAL_BUILD);
   state_.interval_ms=interval_ms_;
   state_.flags=Flag(TerminalInfoInteger(TERMINAL_CONNECTED)!=0,MT5REDIS_FLAG_CONNECTED)+
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
         state_.account=MT5REDIS_ACCOUNT_DEMO;
         break;
      case ACCOUNT_TRADE_MODE_CONTEST:
         state_.account=MT5REDIS_ACCOUNT_CONTEST;
         break;
      default:
         state_.account=MT5REDIS_ACCOUNT_REAL;
     }
   return(SendInstance(state_,agent_=="" ? MQLInfoString(MQL_PROGRAM_NAME) : agent_));
  }
//+------------------------------------------------------------------+
//| Publishes a signal to buy at market. position: the EA's own      |
//| position, if it has one; a later close or change with the same   |
//| position means exactly this opening, even if others have its     |
//| symbol and magic number. price: the current price, from which a  |
//| follower measures how far the market has moved. valid_s: seconds |
//| after which nobody should act on it.                             |
//+------------------------------------------------------------------+
long CMt5Redis::Buy(const string symbol_,const double volume_,const double stop_loss_,const double take_profit_,
                    const long magic_,const string comment_,const long position_,const double price_,
                    const int valid_s_)
  {
   return(Signal(MT5REDIS_ACTION_BUY,symbol_,volume_,stop_loss_,take_profit_,magic_,comment_,position_,price_,
                 valid_s_));
  }
//+------------------------------------------------------------------+
//| Publishes a signal to sell at market.                            |
//+------------------------------------------------------------------+
long CMt5Redis::Sell(const string symbol_,const double volume_,const double stop_loss_,const double take_profit_,
                     const long magic_,const string comment_,const long position_,const double price_,
                     const int valid_s_)
  {
   return(Signal(MT5REDIS_ACTION_SELL,symbol_,volume_,stop_loss_,take_profit_,magic_,comment_,position_,price_,
                 valid_s_));
  }
//+------------------------------------------------------------------+
//| Publishes a signal to close what was opened with this symbol and |
//| magic number, or only one position of it. volume: the lots to    |
//| close; 0: all.                                                   |
//+------------------------------------------------------------------+
long CMt5Redis::CloseSignal(const string symbol_,const long magic_,const long position_,const double volume_,
                            const string comment_)
  {
   return(Signal(MT5REDIS_ACTION_CLOSE,symbol_,volume_,0.0,0.0,magic_,comment_,position_));
  }
//+------------------------------------------------------------------+
//| Publishes a signal to set the stop loss and take profit of the   |
//| same; 0: none.                                                   |
//+------------------------------------------------------------------+
long CMt5Redis::Modify(const string symbol_,const double stop_loss_,const double take_profit_,const long magic_,
                       const long position_,const string comment_)
  {
   return(Signal(MT5REDIS_ACTION_MODIFY,symbol_,0.0,stop_loss_,take_profit_,magic_,comment_,position_));
  }
//+------------------------------------------------------------------+
//| Publishes a trade signal, whatever it is.                        |
//| action:   MT5REDIS_ACTION_BUY, SELL, CLOSE or MODIFY             |
//| volume:   lots; above 0 for BUY and SELL; 0 in CLOSE: all        |
//| position: what CLOSE and MODIFY mean; 0: all of symbol and magic |
//| price:    when it was given; 0: market                           |
//| valid_s:  nobody should act on it later; 0: the reader decides   |
//+------------------------------------------------------------------+
long CMt5Redis::Signal(const int action_,const string symbol_,const double volume_,const double stop_loss_,
                       const double take_profit_,const long magic_,const string comment_,
                       const long position_,const double price_,const int valid_s_)
  {
   if(!Ready())
      return(NotOpen());
   mt5redis_signal_t signal_;
   ZeroMemory(signal_);
   signal_.action=action_;
   signal_.volume=volume_;
   signal_.stop_loss=stop_loss_;
   signal_.take_profit=take_profit_;
   signal_.magic=magic_;
   signal_.position=position_;
   signal_.price=price_;
   signal_.server_offset_s=ServerOffset();
   if(valid_s_>0)
      signal_.expiry_ms=((long)TimeGMT()+valid_s_)*1000;
   return(SendSignal(signal_,symbol_,comment_));
  }
//+------------------------------------------------------------------+
#endif
