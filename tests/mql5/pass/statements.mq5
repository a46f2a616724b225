#define LIMIT 3
#ifdef __MQL5__
#define KIND "five"
#else
#define KIND "four"
#endif
enum Colour { RED=1,GREEN,BLUE=7 };
input group "Inputs"
input Colour InpColour=GREEN; // a choice
input double InpLots=0.1;
sinput string InpName="x";
int OnInit()
  {
   int number=0;
   while(number<LIMIT)
     {
      number++;
      if(number==2)
         continue;
     }
   do
      number--;
   while(number>0);
   for(;;)
      break;
   int found;
   if(number==0)
      found=1;
   else
      found=2;
   switch(InpColour)
     {
      case RED:
      case GREEN:
         found++;
         break;
      default:
         found=0;
     }
   switch((ENUM_DEAL_ENTRY)HistoryDealGetInteger(1,DEAL_ENTRY))
     {
      case DEAL_ENTRY_IN:
        {
         int inner=found;
         Print(inner);
         break;
        }
      case DEAL_ENTRY_OUT:
         return(INIT_FAILED);
     }
   MqlTradeRequest request={};
   request.volume=InpLots;
   Print(KIND,InpName,found,sizeof(int),request.volume);
   return(INIT_SUCCEEDED);
  }
