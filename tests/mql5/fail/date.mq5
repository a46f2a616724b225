// line 4: warning: is no date
int OnInit()
  {
   datetime day=D'2024.13.01';
   Print(day);
   return(INIT_SUCCEEDED);
  }
