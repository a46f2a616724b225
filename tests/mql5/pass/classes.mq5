class CBase
  {
private:
   string            m_name;
protected:
   int               m_count;
   virtual void      OnCounted(const int by) { Print(m_name,by); }
   static int        Twice(const int number)  { return(number*2); }

public:
                     CBase(const string name) : m_name(name),m_count(0) { }
                    ~CBase(void) { Print("gone"); }
   bool              Count(const int by=1);
   int               Count(void) const { return(m_count); }
   string            Name(void) const;
  };
bool CBase::Count(const int by)
  {
   m_count+=Twice(by);
   OnCounted(by);
   return(m_count>0);
  }
string CBase::Name(void) const
  {
   return(m_name);
  }
class CMore : public CBase
  {
private:
   long              m_seen[];

protected:
   virtual void      OnCounted(const int by) override
     {
      int size=ArraySize(m_seen);
      ArrayResize(m_seen,size+1);
      m_seen[size]=by;
     }

public:
                     CMore(void) : CBase("more") { }
   int               Seen(void) const { return(ArraySize(m_seen)); }
  };
CMore more;
void Use(CBase &base)
  {
   base.Count(2);
  }
int OnInit()
  {
   Use(more);
   if(more.Count(3) && more.Seen()==2)
      Print(more.Name(),Later(1));
   return(INIT_SUCCEEDED);
  }
int Later(const int number)
  {
   return(number+1);
  }
