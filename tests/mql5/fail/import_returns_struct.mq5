// line 7: a DLL returns no Pair
struct Pair
  {
   int a;
  };
#import "mt5_redis.dll"
Pair mt5redis_flush(int number);
#import
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
