// line 7: ';' expected after the body of class
class CCounter
  {
public:
   void              Add(void) { Print(1); }
  }
int OnInit()
  {
   return(INIT_SUCCEEDED);
  }
