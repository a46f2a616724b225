// line 14: has no member 'count'
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
   Print(counter.count);
   return(INIT_SUCCEEDED);
  }
