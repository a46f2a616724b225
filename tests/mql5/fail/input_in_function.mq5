// line 4: an input stands outside of functions only
int OnInit()
  {
   input int number=1;
   Print(number);
   return(INIT_SUCCEEDED);
  }
