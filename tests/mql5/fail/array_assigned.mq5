// line 6: an array is copied by ArrayCopy
int OnInit()
  {
   int first[];
   int second[];
   first=second;
   return(INIT_SUCCEEDED);
  }
