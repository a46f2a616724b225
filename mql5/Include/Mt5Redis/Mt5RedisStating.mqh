//+------------------------------------------------------------------+
//|                                            Mt5RedisStating.mqh   |
//|  What a signal that states the truth asks for.                   |
//+------------------------------------------------------------------+
// A signal with an event says what its position is now. The follower compares that with what was stated before and with
// what its copies stand for, in lots of the source. So a signal that was missed is made good by the next one:
//
// - An opening opens what the source holds now and nobody opened for it. What an earlier signal stated was followed or
//   skipped then, and is not opened again. What was missed is opened only while the price is as good as the source's entry.
// - Anything else closes the part of the copies that the source holds no more: their fraction of the source stays.
//
// It decides only; others carry it out.
#ifndef MT5_REDIS_STATING_MQH
#define MT5_REDIS_STATING_MQH
#include "Mt5RedisSources.mqh"

//+------------------------------------------------------------------+
//| The lots of the source that the copies of the signal's position  |
//| stand for, on one side.                                          |
//+------------------------------------------------------------------+
double Mt5RedisGiven(const CMt5RedisCopies &copies_,const SMt5RedisTask &task_,const bool buy_)
  {
   double lots_=0.0;
   for(int i_=copies_.Total()-1; i_>=0; i_--)
      if(copies_.all[i_].buy==buy_ && copies_.all[i_].position==task_.signal.data.position &&
         copies_.IsOf(i_,task_.origin,task_.signal.data.position,task_.symbol))
         lots_+=copies_.all[i_].given;
   return(lots_);
  }
//+------------------------------------------------------------------+
//| The lots that the source itself opened with the event.           |
//+------------------------------------------------------------------+
double Mt5RedisOwnLots(const SMt5RedisTask &task_)
  {
   double after_=Mt5RedisLotsAfter(task_);
   double before_=Mt5RedisLotsBefore(task_);
   return(NormalizeDouble(MathAbs(after_)-(before_*after_>0.0 ? MathAbs(before_) : 0.0),8));
  }
//+------------------------------------------------------------------+
//| The lots of the source that an opening asks for; 0 or less: the  |
//| copies hold them. good: the price is as good as the source's     |
//| average entry, so what was missed is opened, too.                |
//+------------------------------------------------------------------+
double Mt5RedisToOpen(const CMt5RedisCopies &copies_,const SMt5RedisTask &task_,const bool good_)
  {
   double after_=Mt5RedisLotsAfter(task_);
   double have_=Mt5RedisGiven(copies_,task_,after_>0.0);
   double known_=0.0;
   if(task_.known)
      known_=(task_.lots_known*after_>0.0 ? MathAbs(task_.lots_known) : 0.0);
   else
      //--- copies that only the account shows: their lots of the source are an estimate
      if(have_>0.0 && task_.signal.data.event==MT5REDIS_SIGNAL_INCREASE)
         known_=MathAbs(Mt5RedisLotsBefore(task_));
   double lots_=MathAbs(after_)-MathMax(known_,have_);
   return(good_ ? lots_ : MathMin(lots_,Mt5RedisOwnLots(task_)));
  }
//+------------------------------------------------------------------+
//| The lots of the source to be closed, of copies that stand for    |
//| given lots and hold held ones; closed: what this signal's orders |
//| have closed before. exact: given is known and not estimated.     |
//+------------------------------------------------------------------+
double Mt5RedisToClose(const SMt5RedisTask &task_,const double given_,const double held_,const double closed_,
                       const bool exact_)
  {
   double after_=MathAbs(Mt5RedisLotsAfter(task_));
   double known_=MathAbs(task_.known ? task_.lots_known : Mt5RedisLotsBefore(task_));
   double part_=(known_>after_ ? after_/known_ : 1.0);
   double lots_=0.0;
   if(held_+closed_>0.0)
      lots_=given_*MathMax(0.0,held_-(held_+closed_)*part_)/MathMax(held_,MT5R_LOTS_EPSILON);
   if(exact_)
      lots_=MathMax(lots_,given_-after_);
   return(lots_);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
