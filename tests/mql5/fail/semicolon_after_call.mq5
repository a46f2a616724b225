// line 5: ';' expected after a statement
int OnInit()
  {
   Print(1)
   Print(2);
   return(INIT_SUCCEEDED);
  }
