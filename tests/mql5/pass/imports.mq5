struct mt5redis_signal_t
  {
   long   time_ms;
   double volume;
   int    action;
  };
#import "mt5_redis.dll"
int  mt5redis_version(ushort &buffer[],int capacity);
long mt5redis_signal(long handle,const mt5redis_signal_t &signal,string symbol,string comment);
#import
int OnInit()
  {
   ushort units[64];
   mt5redis_signal_t signal;
   ZeroMemory(signal);
   if(mt5redis_version(units,ArraySize(units))>0 && mt5redis_signal(1,signal,_Symbol,NULL)<0)
      Print(ShortArrayToString(units),sizeof(mt5redis_signal_t));
   return(INIT_SUCCEEDED);
  }
