// line 6: delete wants a pointer, not 'CItem'
class CItem { public: int number; };
void OnStart(void)
  {
   CItem item;
   delete item;
  }
