// line 4: undeclared function 'PositionsCount'
int OnInit()
  {
   Print(PositionsCount());
   return(INIT_SUCCEEDED);
  }
