// line 6: 'COne*' is no 'COther*'
class COne   { public: int number; };
class COther { public: int number; };
void OnStart(void)
  {
   COther *other=new COne;
   delete other;
  }
