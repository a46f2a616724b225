// line 4: variable 'number' not used
int OnInit()
  {
   int number=1;
   return(INIT_SUCCEEDED);
  }
