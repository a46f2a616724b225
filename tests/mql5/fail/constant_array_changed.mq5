// line 8: a constant cannot be passed by reference
void Change(int &numbers[])
  {
   numbers[0]=1;
  }
void Keep(const int &numbers[])
  {
   Change(numbers);
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
