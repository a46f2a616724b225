// line 7: a struct with texts or arrays cannot be passed
struct Pair
  {
   string a;
  };
#import "mt5_redis.dll"
int mt5redis_flush(const Pair &pair);
#import
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
