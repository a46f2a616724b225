// line 2: unknown #property copyrigth
#property copyrigth "nobody"
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
