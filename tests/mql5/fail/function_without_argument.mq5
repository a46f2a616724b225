// line 4: PositionGetTicket takes 1 arguments, not 0
int OnInit()
  {
   ulong ticket=PositionGetTicket();
   Print(ticket);
   return(INIT_SUCCEEDED);
  }
