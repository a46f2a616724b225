//+------------------------------------------------------------------+
//|                                          Mt5RedisReporting.mqh   |
//|  Reports what became of each signal.                             |
//+------------------------------------------------------------------+
// Each signal that a follower finishes has one report, also in a dry run. It is sent before the memory notes that the signal
// is finished, so a restart in between sends it again, and readers ignore the second one. What the follower does on its
// own, a repair or the closes of a halt, has no signal and no report.
//
// Reports never hold up trading: if one is refused, because the journal is full, it is lost, and a line says so.
#ifndef MT5_REDIS_REPORTING_MQH
#define MT5_REDIS_REPORTING_MQH
#include "Mt5RedisRecalling.mqh"

//+------------------------------------------------------------------+
//| The reports.                                                     |
//+------------------------------------------------------------------+
class CMt5RedisReporting : public CMt5RedisRecalling
  {
private:
   int               Outcome(const SMt5RedisTask &task_,const bool executed_) const;

protected:
   void              Report(CMt5RedisFollower &redis_,SMt5RedisTask &task_,const bool executed_);
  };
//+------------------------------------------------------------------+
void CMt5RedisReporting::Report(CMt5RedisFollower &redis_,SMt5RedisTask &task_,const bool executed_)
  {
   if(Mt5RedisIsOwn(task_.signal.data.producer))
      return;
   if(executed_ && task_.filled<=0.0 && task_.kind!=MT5REDIS_TASK_CHANGE && task_.kind!=MT5REDIS_TASK_ORDER)
     {
      //--- an order without an answer was executed, or another run sent it: its deals tell
      task_.filled=MathMax(0.0,m_orders.Traded(task_.mark));
      if(task_.filled>0.0)
        {
         task_.cost=m_orders.CostOf(task_.mark,task_.deal,task_.order);
         task_.position=m_orders.PositionOf(task_.mark);
         task_.filled_ms=GetTickCount64();
        }
     }
   int copy_=m_book.copies.FindByComment(task_.mark);
   if(task_.position==0 && copy_>=0)
      task_.position=m_book.copies.all[copy_].id;
   mt5redis_report_t report_;
   ZeroMemory(report_);
   report_.magic=m_rules.magic;
   report_.position=(long)MathMax(0,task_.position);
   report_.order=(long)task_.order;
   report_.deal=(long)task_.deal;
   report_.volume_wanted=NormalizeDouble(task_.wanted,8);
   report_.volume_done=NormalizeDouble(task_.filled,8);
   report_.price_wanted=(task_.signal.data.price>0.0 ? task_.signal.data.price : task_.market);
   report_.price_filled=(task_.filled>0.0 ? NormalizeDouble(task_.cost/task_.filled,8) : 0.0);
   report_.slippage=redis_.Slippage(task_.symbol,task_.bought,report_.price_wanted,report_.price_filled);
   if(task_.filled_ms>0)
      report_.latency_ms=(int)MathMin(2147483647,task_.signal.data.age_ms+(long)(task_.filled_ms-task_.taken_ms));
   report_.retcode=(int)task_.retcode;
   report_.outcome=Outcome(task_,executed_);
   bool known_=(SymbolInfoInteger(task_.symbol,SYMBOL_SELECT)!=0);
   if(redis_.Report(task_.signal,report_,known_ ? task_.symbol : "",executed_ ? "" : task_.reason)<0)
      Print(MQLInfoString(MQL_PROGRAM_NAME),": the report of ",task_.name," is lost: ",redis_.ErrorText());
  }
//+------------------------------------------------------------------+
int CMt5RedisReporting::Outcome(const SMt5RedisTask &task_,const bool executed_) const
  {
   if(task_.unanswered)
      return(MT5REDIS_OUTCOME_UNKNOWN);
   if(!executed_ && task_.filled>0.0)
      return(MT5REDIS_OUTCOME_PARTIAL);
   if(executed_)
     {
      bool part_=(task_.filled>0.0 && task_.filled<task_.wanted-MT5R_LOTS_EPSILON);
      return(part_ ? MT5REDIS_OUTCOME_PARTIAL : MT5REDIS_OUTCOME_DONE);
     }
   bool refused_=(task_.asked && task_.retcode!=TRADE_RETCODE_DONE && task_.retcode!=TRADE_RETCODE_DONE_PARTIAL);
   return(refused_ ? MT5REDIS_OUTCOME_REJECTED : MT5REDIS_OUTCOME_SKIPPED);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
