// line 11: CCounter declares no Remove
class CCounter
  {
private:
   int               m_count;
public:
                     CCounter(void) : m_count(0) { }
   void              Add(void) { m_count++; }
   int               Count(void) const { return(m_count); }
  };
void CCounter::Remove(void)
  {
   Print(1);
  }
int OnInit()
  {
   Print(1);
   return(INIT_SUCCEEDED);
  }
