// line 4: implicit conversion between text and number
int OnInit()
  {
   Print("count: "+5);
   return(INIT_SUCCEEDED);
  }
