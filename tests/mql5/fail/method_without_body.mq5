// line 5: warning: method CCounter::Add has no body
class CCounter
  {
public:
   void              Add(void);
  };
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
