// line 5: warning: == is meant
int OnInit()
  {
   int number=1;
   if(number=2)
      Print(number);
   return(INIT_SUCCEEDED);
  }
