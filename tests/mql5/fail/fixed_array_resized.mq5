// line 5: the array has a fixed size
int OnInit()
  {
   int numbers[3];
   ArrayResize(numbers,5);
   return(INIT_SUCCEEDED);
  }
