// line 5: is constant and cannot be changed
input int InpPeriod=1;
int OnInit()
  {
   InpPeriod=2;
   return(INIT_SUCCEEDED);
  }
