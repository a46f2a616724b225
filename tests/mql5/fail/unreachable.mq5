// line 5: unreachable code
int OnInit()
  {
   return(INIT_FAILED);
   Print(1);
   return(INIT_SUCCEEDED);
  }
