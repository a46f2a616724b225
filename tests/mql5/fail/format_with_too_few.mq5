// line 4: warning: the format wants 2 values, 1 are passed
int OnInit()
  {
   PrintFormat("%d of %d",PositionsTotal());
   return(INIT_SUCCEEDED);
  }
