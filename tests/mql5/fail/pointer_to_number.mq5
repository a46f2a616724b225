// line 4: this tool knows no pointers
int OnInit()
  {
   int *number=NULL;
   Print(number);
   return(INIT_SUCCEEDED);
  }
