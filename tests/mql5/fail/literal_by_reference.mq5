// line 8: a variable is expected
void Change(int &number)
  {
   number=1;
  }
int OnInit()
  {
   Change(5);
   return(INIT_SUCCEEDED);
  }
