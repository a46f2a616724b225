// line 4: division by zero
int OnInit()
  {
   Print(5/0);
   return(INIT_SUCCEEDED);
  }
