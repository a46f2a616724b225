// line 2: is passed by reference only
int Sum(int numbers[])
  {
   return(ArraySize(numbers));
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
