// line 4: 3 values for 2 elements
int OnInit()
  {
   int numbers[2]= {1,2,3};
   Print(numbers[0]);
   return(INIT_SUCCEEDED);
  }
