// line 8: void is no int
void Say()
  {
   Print(1);
  }
int OnInit()
  {
   int number=Say();
   Print(number);
   return(INIT_SUCCEEDED);
  }
