// line 4: has no value
int OnInit()
  {
   const int number;
   Print(number);
   return(INIT_SUCCEEDED);
  }
