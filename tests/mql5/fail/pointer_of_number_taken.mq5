// line 5: GetPointer takes an object of a class, not 'double'
void OnStart(void)
  {
   double lots=0.1;
   Print(CheckPointer(GetPointer(lots))==POINTER_AUTOMATIC);
  }
