// line 2: file "Nothing.mqh" not found
#include "Nothing.mqh"
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
