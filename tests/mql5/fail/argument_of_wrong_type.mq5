// line 8: warning: implicit conversion from 'string' to 'int'
int Half(int number)
  {
   return(number/2);
  }
int OnInit()
  {
   Print(Half("4"));
   return(INIT_SUCCEEDED);
  }
