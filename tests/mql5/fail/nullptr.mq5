// line 4: nullptr is a word of C++
int OnInit()
  {
   string text=nullptr;
   Print(text);
   return(INIT_SUCCEEDED);
  }
