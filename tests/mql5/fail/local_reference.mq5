// line 5: only a parameter is a reference
int OnInit()
  {
   int number=1;
   int &other=number;
   Print(other);
   return(INIT_SUCCEEDED);
  }
