// line 9: warning: 'SNamed' has texts, arrays or objects: set its fields one by one
struct SNamed
  {
   string            name;
   int               number;
  };
void OnStart(void)
  {
   SNamed named={};
   named.number=1;
   Print(named.number);
  }
