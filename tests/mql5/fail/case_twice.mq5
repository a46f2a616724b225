// line 8: this case was there before
int OnInit()
  {
   switch(PositionsTotal())
     {
      case 1:
         break;
      case 1:
         break;
     }
   return(INIT_SUCCEEDED);
  }
