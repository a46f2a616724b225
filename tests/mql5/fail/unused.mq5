// line 4: warning: variable 'number' not used
int OnInit()
  {
   int number=1;
   return(INIT_SUCCEEDED);
  }
