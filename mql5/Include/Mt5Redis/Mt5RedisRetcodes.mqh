//+------------------------------------------------------------------+
//|                                           Mt5RedisRetcodes.mqh   |
//|  The meaning of the trade server's return codes.                 |
//+------------------------------------------------------------------+
// Every code of the reference's list stands here, and docs/mql5.md has the same table. Most conditions pass: an opening
// is asked for again until it is too old, a close until it is done. Only what no waiting mends refuses an opening, and
// nothing ends a close.
#ifndef MT5_REDIS_RETCODES_MQH
#define MT5_REDIS_RETCODES_MQH

enum ENUM_MT5REDIS_OUTCOME
  {
   MT5REDIS_DONE,             // executed
   MT5REDIS_PART,             // executed in part
   MT5REDIS_REFUSED,          // not executed, and no other attempt will be
   MT5REDIS_LATER,            // for certain not executed; to be asked for again
   MT5REDIS_UNKNOWN           // sent, and nobody knows: the account has to tell
  };

enum ENUM_MT5REDIS_REQUEST
  {
   MT5REDIS_OPENING,
   MT5REDIS_CLOSING,          // the whole of a position or a part of it
   MT5REDIS_PLACING,          // of a pending order
   MT5REDIS_CHANGE            // of stop loss and take profit, or of a pending order
  };

//+------------------------------------------------------------------+
//| What a return code means for a request of this kind.             |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME Mt5RedisOutcome(const uint retcode_,const ENUM_MT5REDIS_REQUEST request_)
  {
   switch(retcode_)
     {
      case TRADE_RETCODE_DONE:
         return(MT5REDIS_DONE);
      case TRADE_RETCODE_DONE_PARTIAL:
         return(request_==MT5REDIS_CHANGE ? MT5REDIS_DONE : MT5REDIS_PART);
      case TRADE_RETCODE_PLACED:  // the deal is still to come
         return(request_==MT5REDIS_CHANGE || request_==MT5REDIS_PLACING ? MT5REDIS_DONE : MT5REDIS_UNKNOWN);
      case TRADE_RETCODE_ERROR:
      case TRADE_RETCODE_TIMEOUT:
      case TRADE_RETCODE_CONNECTION:
         return(request_==MT5REDIS_CHANGE ? MT5REDIS_LATER : MT5REDIS_UNKNOWN);
      case TRADE_RETCODE_NO_CHANGES:
         return(request_==MT5REDIS_CHANGE ? MT5REDIS_DONE : MT5REDIS_LATER);
      case 0:                     // the terminal itself did not send it
      case TRADE_RETCODE_REQUOTE:
      case TRADE_RETCODE_REJECT:         // a dealer or a gateway may take the next one
      case TRADE_RETCODE_REJECT_CANCEL:
      case TRADE_RETCODE_INVALID_PRICE:
      case TRADE_RETCODE_INVALID_STOPS:
      case TRADE_RETCODE_TRADE_DISABLED:
      case TRADE_RETCODE_MARKET_CLOSED:
      case TRADE_RETCODE_NO_MONEY:
      case TRADE_RETCODE_PRICE_CHANGED:
      case TRADE_RETCODE_PRICE_OFF:
      case TRADE_RETCODE_ORDER_CHANGED:
      case TRADE_RETCODE_TOO_MANY_REQUESTS:
      case TRADE_RETCODE_SERVER_DISABLES_AT:
      case TRADE_RETCODE_CLIENT_DISABLES_AT:
      case TRADE_RETCODE_LOCKED:
      case TRADE_RETCODE_FROZEN:
      case TRADE_RETCODE_INVALID_FILL:
      case TRADE_RETCODE_LIMIT_ORDERS:
      case TRADE_RETCODE_LIMIT_VOLUME:
      case TRADE_RETCODE_LIMIT_POSITIONS:
      case TRADE_RETCODE_POSITION_CLOSED:
      case TRADE_RETCODE_INVALID_CLOSE_VOLUME:
      case TRADE_RETCODE_CLOSE_ORDER_EXIST:
      case TRADE_RETCODE_FIFO_CLOSE:
         return(MT5REDIS_LATER);
      case TRADE_RETCODE_CANCEL:
      case TRADE_RETCODE_INVALID:
      case TRADE_RETCODE_INVALID_VOLUME:
      case TRADE_RETCODE_INVALID_EXPIRATION:
      case TRADE_RETCODE_ONLY_REAL:
      case TRADE_RETCODE_INVALID_ORDER:
      case TRADE_RETCODE_LONG_ONLY:
      case TRADE_RETCODE_SHORT_ONLY:
      case TRADE_RETCODE_CLOSE_ONLY:
      case TRADE_RETCODE_HEDGE_PROHIBITED:
         return(request_==MT5REDIS_CLOSING ? MT5REDIS_LATER : MT5REDIS_REFUSED);
     }
   //--- a code that is on no list: it may have been executed
   return(request_==MT5REDIS_CHANGE ? MT5REDIS_LATER : MT5REDIS_UNKNOWN);
  }
//+------------------------------------------------------------------+
//| Whether somebody has to do something about it, at once.          |
//+------------------------------------------------------------------+
bool Mt5RedisNeedsPerson(const uint retcode_)
  {
   switch(retcode_)
     {
      case TRADE_RETCODE_TRADE_DISABLED:
      case TRADE_RETCODE_SERVER_DISABLES_AT:
      case TRADE_RETCODE_CLIENT_DISABLES_AT:
      case TRADE_RETCODE_ONLY_REAL:
      case TRADE_RETCODE_FIFO_CLOSE:
         return(true);
     }
   return(false);
  }
#endif
