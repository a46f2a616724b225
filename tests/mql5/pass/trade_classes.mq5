#include <Trade\Trade.mqh>
#include <Trade\SymbolInfo.mqh>
#include <trade/AccountInfo.mqh>
#include <Trade\TerminalInfo.mqh>
#include <Trade\Trade.mqh>
CTrade            trader;
CPositionInfo     chosen;
CSymbolInfo       pair;
CAccountInfo      owner;
CTerminalInfo     host;
COrderInfo        waiting;
CHistoryOrderInfo past;
CDealInfo         dealt;
int OnInit(void)
  {
   trader.SetExpertMagicNumber(7);
   trader.SetDeviationInPoints(10);
   trader.SetTypeFilling(ORDER_FILLING_IOC);
   return(pair.Name(_Symbol) && host.IsConnected() && owner.TradeAllowed() ? INIT_SUCCEEDED : INIT_FAILED);
  }
void OnTick(void)
  {
   if(!pair.RefreshRates())
      return;
   for(int i=PositionsTotal()-1; i>=0; i--)
      if(chosen.SelectByIndex(i) && chosen.Symbol()==pair.Name() && chosen.Magic()==7)
        {
         if(!trader.PositionModify(chosen.Ticket(),pair.NormalizePrice(chosen.PriceOpen()),0))
            Print(trader.ResultRetcodeDescription());
         trader.PositionClose(chosen.Ticket());
         trader.PositionClosePartial(_Symbol,pair.LotsMin());
        }
   if(waiting.Select(1) && waiting.OrderType()==ORDER_TYPE_BUY_LIMIT)
      trader.OrderDelete(waiting.Ticket());
   past.Ticket(5);
   dealt.Ticket(6);
   Print(past.Comment(),dealt.Profit(),owner.FreeMargin());
   trader.Buy(0.1);
   trader.SellStop(0.1,pair.Bid()-10*pair.Point(),NULL,0,0,ORDER_TIME_SPECIFIED,TimeCurrent()+3600,"out");
  }
