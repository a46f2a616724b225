// line 4: warning: implicit conversion from 'int' to 'string'
int OnInit()
  {
   string text=5;
   Print(text);
   return(INIT_SUCCEEDED);
  }
