// Pointers and templates, which the sources of the project do not use: the suite's way to try what the checker makes of
// them. Objects made by new, passed as references, kept in arrays, deleted through their base.
input string InpDo = "all is well";

class CItem;
class CList
  {
private:
   CItem            *m_first;
   int               m_size;
public:
                     CList(void) : m_size(0) { m_first=NULL; }
                    ~CList(void);
   void              Add(CItem *item);
   CItem            *First(void) const { return(m_first); }
   int               Size(void) const { return(m_size); }
  };
class CItem
  {
public:
   int               number;
   CItem            *next;
                     CItem(const int value) : number(value) { next=NULL; }
   virtual string    Name(void) const { return("item"); }
   CItem            *Self(void) { return(GetPointer(this)); }
  };
class CNamed : public CItem
  {
public:
                     CNamed(const int value) : CItem(value) { }
   virtual string    Name(void) const override { return("named"); }
  };
CList::~CList(void)
  {
   while(CheckPointer(m_first)!=POINTER_INVALID)
     {
      CItem *next=m_first.next;
      delete m_first;
      m_first=next;
     }
  }
void CList::Add(CItem *item)
  {
   item.next=m_first;
   m_first=item;
   m_size++;
  }
//+------------------------------------------------------------------+
template<typename T>
T Larger(T left,T right) { return(left>right ? left : right); }
template<typename T>
int CountAbove(const T &values[],const T limit)
  {
   int found=0;
   for(int i=0; i<ArraySize(values); i++)
     {
      T value=values[i];
      if(Larger(value,limit)!=limit)
         found++;
     }
   return(found);
  }
int Number(CItem &item) { return(item.number); }
//+------------------------------------------------------------------+
void OnStart(void)
  {
   CList list;
   list.Add(new CItem(1));
   list.Add(new CNamed(2));
   CItem *first=list.First();
   if(first!=NULL && !(!first) && first.Self()==first)
      Print(first.Name()," ",Number(first)," ",first.next.Name()," ",list.Size());
   CItem *items[];
   ArrayResize(items,2);
   items[0]=new CNamed(3);
   items[1]=NULL;
   for(int i=0; i<2; i++)
      if(CheckPointer(items[i])==POINTER_DYNAMIC)
         Print(items[i].Name()," ",items[i].number);
   if(InpDo!="leave")
      delete(items[0]);
   CItem automatic(5);
   Print(CheckPointer(GetPointer(automatic))==POINTER_AUTOMATIC," ",CheckPointer(items[0])==POINTER_INVALID," ",automatic.number);
   double prices[3]= {1.0,2.0,3.0};
   Print(Larger(1,2)," ",Larger(1.5,0.5)," ",Larger("a","b")," ",CountAbove(prices,1.5));
   if(InpDo=="use")
      Print(items[0].number);
   if(InpDo=="delete twice")
      delete(items[0]);
   if(InpDo=="delete automatic")
      delete(GetPointer(automatic));
   Print("end");
  }
