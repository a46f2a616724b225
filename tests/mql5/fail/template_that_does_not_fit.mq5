// line 3: warning: possible loss of data due to type conversion from 'double' to 'int'
template<typename T>
int Whole(T value) { return(value); }
void OnStart(void)
  {
   Print(Whole(1.5));
  }
