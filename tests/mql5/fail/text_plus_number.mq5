// line 4: warning: implicit conversion between text and number
int OnInit()
  {
   Print("count: "+5);
   return(INIT_SUCCEEDED);
  }
