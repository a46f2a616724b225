// line 2: warning: wrong parameters or result of the event handler OnTimer
void OnTimer(int number)
  {
   Print(number);
  }
