// line 2: warning: OnTimers is no event handler known to this checker
void OnTimers()
  {
   Print(1);
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
