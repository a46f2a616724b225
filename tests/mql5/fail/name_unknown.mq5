// line 4: undeclared identifier 'number'
int OnInit()
  {
   Print(number);
   return(INIT_SUCCEEDED);
  }
