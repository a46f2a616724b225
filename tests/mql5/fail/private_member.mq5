// line 14: CCounter::m_count is private
class CCounter
  {
private:
   int               m_count;
public:
                     CCounter(void) : m_count(0) { }
   void              Add(void) { m_count++; }
   int               Count(void) const { return(m_count); }
  };
CCounter counter;
int OnInit()
  {
   counter.m_count=1;
   return(INIT_SUCCEEDED);
  }
