// line 4: Say returns nothing
void Say()
  {
   return(5);
  }
int OnInit()
  {
   Say();
   return(INIT_SUCCEEDED);
  }
