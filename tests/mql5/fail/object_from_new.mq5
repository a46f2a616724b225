// line 5: initialiser of item: 'CItem*' is no 'CItem'
class CItem { public: int number; };
void OnStart(void)
  {
   CItem item=new CItem;
   Print(item.number);
  }
