// line 9: '}' expected for the block
int OnInit()
  {
   if(IsStopped())
     {
      Print(1);
   return(INIT_SUCCEEDED);
  }
