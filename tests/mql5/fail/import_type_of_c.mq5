// line 3: int32_t is a word of C++
#import "mt5_redis.dll"
int mt5redis_flush(int32_t number);
#import
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
