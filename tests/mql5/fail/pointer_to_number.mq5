// line 5: a pointer points to an object of a class only, not to double
void OnStart(void)
  {
   double lots=0.1;
   double *pointer=GetPointer(lots);
   Print(pointer);
  }
