// line 5: warning: unreachable code
int OnInit()
  {
   return(INIT_FAILED);
   Print(1);
   return(INIT_SUCCEEDED);
  }
