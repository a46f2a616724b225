// line 4: unsigned is a word of C++
int OnInit()
  {
   unsigned int number=1;
   Print(number);
   return(INIT_SUCCEEDED);
  }
