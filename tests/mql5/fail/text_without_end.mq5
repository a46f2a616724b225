// line 4: unexpected character '"'
int OnInit()
  {
   Print("text);
   return(INIT_SUCCEEDED);
  }
