// line 4: auto is a word of C++
int OnInit()
  {
   auto number=1;
   Print(number);
   return(INIT_SUCCEEDED);
  }
