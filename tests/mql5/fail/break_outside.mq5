// line 4: break outside of a loop
int OnInit()
  {
   break;
   return(INIT_SUCCEEDED);
  }
