// line 2: unknown directive #if
#if 1
#endif
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
