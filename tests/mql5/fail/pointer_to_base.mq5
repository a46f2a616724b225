// line 7: warning: initialiser of derived: 'CBase*' is no 'CDerived*'
class CBase { public: int number; };
class CDerived : public CBase { };
void OnStart(void)
  {
   CBase    *base=new CDerived;
   CDerived *derived=base;
   delete derived;
  }
