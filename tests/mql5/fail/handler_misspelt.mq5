// line 2: MQL5 has no handler OnTimers
void OnTimers()
  {
   Print(1);
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
