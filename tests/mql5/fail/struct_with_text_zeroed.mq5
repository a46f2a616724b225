// line 9: warning: ZeroMemory of 'Pair'
struct Pair
  {
   string a;
  };
int OnInit()
  {
   Pair pair;
   ZeroMemory(pair);
   return(INIT_SUCCEEDED);
  }
