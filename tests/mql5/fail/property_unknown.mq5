// line 2: warning: #property copyrigth is not known to this checker
#property copyrigth "nobody"
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
