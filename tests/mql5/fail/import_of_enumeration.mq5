// line 3: warning: cannot be passed to a DLL
#import "mt5_redis.dll"
int mt5redis_flush(ENUM_DEAL_TYPE type);
#import
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
