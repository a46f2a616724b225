// line 6: a struct is passed by reference only
struct Pair
  {
   int a;
  };
int First(Pair pair)
  {
   return(pair.a);
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
