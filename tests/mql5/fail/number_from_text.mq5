// line 5: warning: implicit conversion from 'string' to 'int'
int OnInit()
  {
   string text="5";
   int number=text;
   Print(number);
   return(INIT_SUCCEEDED);
  }
