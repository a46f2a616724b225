// line 6: a declaration expected
int OnInit()
  {
   Print(1);
  }
   return(INIT_SUCCEEDED);
  }
