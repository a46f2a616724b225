// line 5: ';' expected after a variable
int OnInit()
  {
   int number=1
   Print(number);
   return(INIT_SUCCEEDED);
  }
