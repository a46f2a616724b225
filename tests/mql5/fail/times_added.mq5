// line 4: cannot calculate 'datetime' + 'datetime'
void OnStart(void)
  {
   Print(TimeCurrent()+TimeGMT());
  }
