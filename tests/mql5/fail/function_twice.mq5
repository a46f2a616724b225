// line 6: function Half is declared twice
int Half(int number)
  {
   return(number/2);
  }
int Half(int number)
  {
   return(number/2);
  }
int OnInit()
  {
   Print(Half(1));
   return(INIT_SUCCEEDED);
  }
