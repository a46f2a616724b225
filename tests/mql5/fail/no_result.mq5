// line 6: warning: not all control paths of Half return a value
int Half(int number)
  {
   if(number>0)
      return(number/2);
  }
int OnInit()
  {
   Print(Half(1));
   return(INIT_SUCCEEDED);
  }
