// line 2: directive #if is not known to this checker
#if 1
#endif
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
