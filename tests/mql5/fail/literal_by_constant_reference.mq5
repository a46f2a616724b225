// line 8: a variable is expected
int Length(const string &text)
  {
   return(StringLen(text));
  }
int OnInit()
  {
   Print(Length("text"));
   return(INIT_SUCCEEDED);
  }
