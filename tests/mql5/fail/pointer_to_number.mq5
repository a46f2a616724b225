// line 5: MQL5 has pointers to objects of classes only, not to double
void OnStart(void)
  {
   double lots=0.1;
   double *pointer=GetPointer(lots);
   Print(pointer);
  }
