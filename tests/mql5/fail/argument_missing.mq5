// line 8: Sum takes 2 arguments, not 1
int Sum(int a,int b)
  {
   return(a+b);
  }
int OnInit()
  {
   Print(Sum(1));
   return(INIT_SUCCEEDED);
  }
