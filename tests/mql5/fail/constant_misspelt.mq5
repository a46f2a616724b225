// line 4: undeclared identifier 'POSITION_TICKETT'
int OnInit()
  {
   Print(PositionGetInteger(POSITION_TICKETT));
   return(INIT_SUCCEEDED);
  }
