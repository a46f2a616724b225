int OnInit()
  {
   int    whole=0x1F;
   long   wide=9000000000;
   double part=1.5e-3;
   ushort letter='A';
   whole+=3;
   whole=whole%7+(whole<<2)-(whole&1);
   part=part*whole/2.0;
   wide=(long)MathMax(0,wide-(long)whole);
   bool   good=(wide>whole && part!=0.0) || !IsStopped();
   Print(whole," ",wide," ",part," ",letter," ",good);
   PrintFormat("%d %I64d %.2f %s %5.1f%%",whole,wide,part,"text",part);
   datetime day=D'2024.01.31 12:00';
   if(day>0 && day<TimeCurrent())
      Print(day," ",(long)day);
   return(INIT_SUCCEEDED);
  }
