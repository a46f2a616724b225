// line 5: warning: argument separator of StringSplit: implicit conversion from 'string' to 'ushort'
void OnStart(void)
  {
   string parts[];
   Print(StringSplit("a,b",",",parts));
  }
