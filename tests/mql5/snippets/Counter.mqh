class CCounter
  {
private:
   int               m_count;
public:
                     CCounter(void) : m_count(0) { }
   void              Add(void) { m_count++; }
   int               Count(void) const { return(m_count); }
  };
