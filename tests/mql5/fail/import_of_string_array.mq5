// line 3: cannot be passed to a DLL
#import "mt5_redis.dll"
int mt5redis_flush(string &texts[]);
#import
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
