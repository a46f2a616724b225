// line 5: % wants whole numbers
int OnInit()
  {
   double number=5.5;
   Print(number%2);
   return(INIT_SUCCEEDED);
  }
