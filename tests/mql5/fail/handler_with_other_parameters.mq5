// line 2: wrong parameters or result of the event handler OnTimer
void OnTimer(int number)
  {
   Print(number);
  }
