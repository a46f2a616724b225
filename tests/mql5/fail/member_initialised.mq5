// line 4: a member gets its value in the struct's constructor
struct Pair
  {
   int a=1;
  };
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
