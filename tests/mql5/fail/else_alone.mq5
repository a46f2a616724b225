// line 4: else without if
int OnInit()
  {
   else
      Print(1);
   return(INIT_SUCCEEDED);
  }
