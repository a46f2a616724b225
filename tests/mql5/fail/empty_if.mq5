// line 4: empty statement after if
int OnInit()
  {
   if(IsStopped());
      Print(1);
   return(INIT_SUCCEEDED);
  }
