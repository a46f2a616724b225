// line 5: warning: hides another one
int counter=0;
int OnInit()
  {
   int counter=1;
   Print(counter);
   return(INIT_SUCCEEDED);
  }
