// line 1: the program has no event handler
int Half(int number)
  {
   return(number/2);
  }
