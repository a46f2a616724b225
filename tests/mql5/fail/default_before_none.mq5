// line 2: needs a default
int Sum(int a=1,int b)
  {
   return(a+b);
  }
int OnInit()
  {
   Print(Sum(1,2));
   return(INIT_SUCCEEDED);
  }
