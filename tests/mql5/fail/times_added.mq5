// line 4: warning: cannot calculate 'datetime' + 'datetime'
void OnStart(void)
  {
   Print(TimeCurrent()+TimeGMT());
  }
