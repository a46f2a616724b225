// line 11: a class is passed by reference only
class CCounter
  {
private:
   int               m_count;
public:
                     CCounter(void) : m_count(0) { }
   void              Add(void) { m_count++; }
   int               Count(void) const { return(m_count); }
  };
int Count(CCounter counter)
  {
   return(counter.Count());
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
