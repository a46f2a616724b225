// line 6: warning: sign mismatch
int OnInit()
  {
   ulong now=GetTickCount64();
   int then=5;
   if(now>then)
      Print(1);
   return(INIT_SUCCEEDED);
  }
