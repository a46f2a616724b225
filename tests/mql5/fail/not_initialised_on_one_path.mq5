// line 7: warning: possible use of uninitialized variable 'number'
int OnInit()
  {
   int number;
   if(IsStopped())
      number=1;
   Print(number);
   return(INIT_SUCCEEDED);
  }
