// line 5: method CCounter::Add has no body
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
