// line 4: warning: unknown escape
int OnInit()
  {
   Print("C:\Users");
   return(INIT_SUCCEEDED);
  }
