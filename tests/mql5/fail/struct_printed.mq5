// line 10: Print prints no 'Pair'
struct Pair
  {
   int a;
  };
int OnInit()
  {
   Pair pair;
   pair.a=1;
   Print(pair);
   return(INIT_SUCCEEDED);
  }
