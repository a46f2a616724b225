// line 2: this tool knows no templates
template<typename T>
T Same(T value)
  {
   return(value);
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
