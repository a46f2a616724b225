// A class without the semicolon behind it.
class CUnfinished { public: int number; }
