// line 5: warning: expression has no effect
int OnInit()
  {
   int number=1;
   number==2;
   return(INIT_SUCCEEDED);
  }
