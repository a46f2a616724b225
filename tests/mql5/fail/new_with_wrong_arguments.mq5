// line 5: CItem takes 1 arguments, not 0
class CItem { public: int m_number; CItem(int number) { m_number=number; } };
void OnStart(void)
  {
   CItem *item=new CItem();
   delete item;
  }
