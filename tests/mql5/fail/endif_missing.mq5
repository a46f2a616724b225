// line 8: #endif is missing
#ifdef __MQL5__
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
