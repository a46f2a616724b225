// line 9: 'int[]' is no 'long[]'
long Sum(const long &numbers[])
  {
   return(numbers[0]);
  }
int OnInit()
  {
   int numbers[];
   Print(Sum(numbers));
   return(INIT_SUCCEEDED);
  }
