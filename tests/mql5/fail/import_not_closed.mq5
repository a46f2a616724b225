// line 5: expected
#import "mt5_redis.dll"
int mt5redis_flush(int number);
int OnInit()
  {
   return(INIT_SUCCEEDED);
  }
