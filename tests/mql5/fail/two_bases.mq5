// line 7: a class has one base only
class CA
  {
public:
   void              A(void) { Print(1); }
  };
class CB : public CA, public CA
  {
  };
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
