template<typename T>
class CBox { public: T value; };
void OnStart(void)
  {
   Print(1);
  }
