struct Pair
  {
   long   id;
   double values[3];
   string name;
  };
Pair pairs[];
long Sum(const long &numbers[],const int count=1)
  {
   long sum=0;
   for(int i=0,j=count; i<j && i<ArraySize(numbers); i++)
      sum+=numbers[i];
   return(sum);
  }
void Grow(Pair &list[],const string name)
  {
   int size=ArraySize(list);
   ArrayResize(list,size+1,16);
   list[size].id=size;
   list[size].values[1]=2.5;
   list[size].name=name;
  }
int OnInit()
  {
   long fixed[3]= {1,2,3};
   long loose[];
   ArrayResize(loose,2);
   loose[0]=5;
   loose[1]=4;
   ArraySort(loose);
   Grow(pairs,"first");
   Pair copy=pairs[0];
   copy.id++;
   pairs[0]=copy;
   Print(Sum(fixed,3)," ",Sum(loose)," ",loose[ArrayBsearch(loose,5)]," ",pairs[0].name);
   ArrayFree(pairs);
   return(INIT_SUCCEEDED);
  }
