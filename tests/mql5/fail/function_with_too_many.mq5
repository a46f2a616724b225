// line 4: PositionsTotal takes 0 arguments, not 1
int OnInit()
  {
   Print(PositionsTotal(1));
   return(INIT_SUCCEEDED);
  }
