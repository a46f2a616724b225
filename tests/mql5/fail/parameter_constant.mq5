// line 4: is constant and cannot be changed
void Count(const int number)
  {
   number++;
  }
int OnInit()
  {
   Count(1);
   return(INIT_SUCCEEDED);
  }
