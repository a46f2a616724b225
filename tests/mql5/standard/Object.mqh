// What the reference says of CObject, the class that those of MetaTrader's library are derived from.
class CObject
  {
private:
   CObject          *m_prev;
   CObject          *m_next;

public:
                     CObject(void) : m_prev(NULL), m_next(NULL) { }
                    ~CObject(void) { }
   CObject          *Prev(void) const { return(m_prev); }
   void              Prev(CObject *object) { m_prev=object; }
   CObject          *Next(void) const { return(m_next); }
   void              Next(CObject *object) { m_next=object; }
   virtual int       Compare(const CObject *node,const int mode=0) const { return(0); }
   virtual bool      Save(const int file_handle) { return(true); }
   virtual bool      Load(const int file_handle) { return(true); }
   virtual int       Type(void) const { return(0); }
  };
