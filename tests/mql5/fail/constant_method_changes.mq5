// line 10: is constant and cannot be changed
class CCounter
  {
private:
   int               m_count;
public:
                     CCounter(void) : m_count(0) { }
   void              Add(void) const
     {
      m_count++;
     }
  };
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
