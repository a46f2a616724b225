// line 3: this tool knows templates of functions only
template<typename T>
class CBox { public: T value; };
void OnStart(void)
  {
   Print(1);
  }
