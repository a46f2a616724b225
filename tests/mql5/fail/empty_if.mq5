// line 4: warning: empty statement after if
int OnInit()
  {
   if(IsStopped());
      Print(1);
   return(INIT_SUCCEEDED);
  }
