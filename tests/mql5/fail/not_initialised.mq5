// line 5: warning: possible use of uninitialized variable 'number'
int OnInit()
  {
   int number;
   Print(number);
   return(INIT_SUCCEEDED);
  }
