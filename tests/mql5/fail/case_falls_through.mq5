// line 6: warning: needs a break
int OnInit()
  {
   switch(PositionsTotal())
     {
      case 1:
         Print(1);
      case 2:
         break;
     }
   return(INIT_SUCCEEDED);
  }
