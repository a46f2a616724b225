// line 4: use the constructor
struct Pair
  {
   int a=1;
  };
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
