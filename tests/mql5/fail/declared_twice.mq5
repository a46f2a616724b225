// line 5: variable 'number' is declared twice
int OnInit()
  {
   int number=1;
   int number=2;
   Print(number);
   return(INIT_SUCCEEDED);
  }
