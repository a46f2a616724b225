// line 3: ';' expected after an imported prototype
#import "mt5_redis.dll"
int mt5redis_flush(int number) { return(1); }
#import
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
