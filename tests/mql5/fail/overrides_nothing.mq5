// line 10: overrides nothing
class CBase
  {
public:
   void              Say(void) { Print(1); }
  };
class CMore : public CBase
  {
public:
   void              Say(void) override { Print(2); }
  };
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
