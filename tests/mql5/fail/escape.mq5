// line 4: unknown escape
int OnInit()
  {
   Print("C:\Users");
   return(INIT_SUCCEEDED);
  }
