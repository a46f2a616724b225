// line 4: or ')' between arguments
int OnInit()
  {
   Print(1+2;
   return(INIT_SUCCEEDED);
  }
