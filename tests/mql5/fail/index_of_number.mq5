// line 5: 'int' is no array
int OnInit()
  {
   int number=1;
   Print(number[0]);
   return(INIT_SUCCEEDED);
  }
