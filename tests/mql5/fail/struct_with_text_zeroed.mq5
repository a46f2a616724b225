// line 9: ZeroMemory of 'Pair'
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
