//+------------------------------------------------------------------+
//|                                           Mt5RedisExposure.mqh   |
//|  How many lots and positions the copies amount to.               |
//+------------------------------------------------------------------+
// The account's list of positions counts, and besides what was traded so lately that the list may not show it. On a
// hedging account the positions with our magic number count, bought and sold lots alike. On a netting account a symbol
// with copies counts with its whole position, because the copies share it.
#ifndef MT5_REDIS_EXPOSURE_MQH
#define MT5_REDIS_EXPOSURE_MQH
#include "Mt5RedisBook.mqh"

//+------------------------------------------------------------------+
//| Lots and positions.                                              |
//+------------------------------------------------------------------+
class CMt5RedisExposure
  {
private:
   void              AddEach(const CMt5RedisBook &book_,const string symbol_,const long magic_);
   void              AddNet(const CMt5RedisBook &book_,const int first_);

public:
   double            lots;
   int               positions;

                     CMt5RedisExposure(void) : lots(0.0),positions(0) { }
   void              Measure(const CMt5RedisBook &book_,const string symbol_,const long magic_);
  };
//+------------------------------------------------------------------+
//| Measures the copies of a symbol; empty: all. The book's holdings |
//| must be read.                                                    |
//+------------------------------------------------------------------+
void CMt5RedisExposure::Measure(const CMt5RedisBook &book_,const string symbol_,const long magic_)
  {
   lots=0.0;
   positions=0;
   if(!book_.netting)
     {
      AddEach(book_,symbol_,magic_);
      return;
     }
   int count_=book_.copies.Total();
   for(int i_=0; i_<count_; i_++)
     {
      int first_=0;
      while(book_.copies.all[first_].symbol!=book_.copies.all[i_].symbol)
         first_++;
      if(first_==i_ && (symbol_=="" || book_.copies.all[i_].symbol==symbol_))
         AddNet(book_,i_);
     }
  }
//+------------------------------------------------------------------+
void CMt5RedisExposure::AddEach(const CMt5RedisBook &book_,const string symbol_,const long magic_)
  {
   for(int i_=book_.holdings.Total()-1; i_>=0; i_--)
      if(book_.holdings.all[i_].magic==magic_ && (symbol_=="" || book_.holdings.all[i_].symbol==symbol_))
        {
         lots+=book_.holdings.all[i_].volume;
         positions++;
        }
   for(int i_=book_.copies.Total()-1; i_>=0; i_--)
      if(book_.copies.all[i_].held>=MT5R_LOTS_EPSILON && !book_.copies.all[i_].shown &&
         (symbol_=="" || book_.copies.all[i_].symbol==symbol_) &&
         book_.holdings.FindById(book_.copies.all[i_].id)<0)
        {
         lots+=book_.copies.all[i_].held;
         positions++;
        }
  }
//+------------------------------------------------------------------+
//| Adds the position of a symbol, whose first copy is this.         |
//+------------------------------------------------------------------+
void CMt5RedisExposure::AddNet(const CMt5RedisBook &book_,const int first_)
  {
   string symbol_=book_.copies.all[first_].symbol;
   double there_=MathAbs(book_.holdings.Net(book_.holdings.FindBySymbol(symbol_)));
   bool   ours_=false;
   bool   late_=false;
   for(int i_=first_; i_<book_.copies.Total(); i_++)
      if(book_.copies.all[i_].symbol==symbol_ && book_.copies.all[i_].held>=MT5R_LOTS_EPSILON)
        {
         ours_=true;
         late_=(late_ || !book_.copies.all[i_].shown);
        }
   if(late_)
      there_=MathMax(there_,MathAbs(book_.copies.Net(symbol_)));
   if(!ours_ || there_<MT5R_LOTS_EPSILON)
      return;
   lots+=there_;
   positions++;
  }
//+------------------------------------------------------------------+
#endif
