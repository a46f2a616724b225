// line 6: Larger: T is 'int' and 'double'
template<typename T>
T Larger(T left,T right) { return(left>right ? left : right); }
void OnStart(void)
  {
   Print(Larger(1,2.5));
  }
