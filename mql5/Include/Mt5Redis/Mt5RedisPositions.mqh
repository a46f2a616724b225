//+------------------------------------------------------------------+
//|                                          Mt5RedisPositions.mqh   |
//|  Keeps Redis in step with the account's positions.               |
//+------------------------------------------------------------------+
// Trade transactions can be lost, doubled or out of order, so they only mark that there is something to see.
// The timer compares the positions with what was published and sends what moved. A position is named by its
// POSITION_IDENTIFIER: the ticket changes when a netting position is reversed or the server opens it again.
// Closed means: absent, and its deals add up. An absent position whose deals do not add up waits some looks,
// and then leaves the set of open positions; Redis marks it as gone.
//
// While the terminal is not connected nothing is concluded from anything.
#ifndef MT5_REDIS_POSITIONS_MQH
#define MT5_REDIS_POSITIONS_MQH
#include "Mt5RedisSession.mqh"
#include "Mt5RedisDeals.mqh"
#include "Mt5RedisExits.mqh"
#include "Mt5RedisOpenSet.mqh"

#define POSITIONS_SETTLE_LOOKS    3    // after connecting, the list of positions may still be filling
#define POSITIONS_REFRESH_LOOKS   60   // every so many looks everything is sent, moved or not
#define POSITIONS_DEALS_LOOKS     20   // how long deals that do not add up are waited for
#define POSITIONS_COMMENT_BYTES   96

//+------------------------------------------------------------------+
//| A position as it was published last.                             |
//+------------------------------------------------------------------+
struct Mt5RedisPosition
  {
   mt5redis_trade_t  state;
   string            symbol;
   string            comment;
   bool              present;          // in the terminal's list at this look
   int               absent_looks;
   int               deals_looks;      // left to wait until its deals add up
  };
//+------------------------------------------------------------------+
//| The positions.                                                   |
//+------------------------------------------------------------------+
class CMt5RedisPositions : public CMt5RedisSession
  {
private:
   Mt5RedisPosition  m_known[];
   CMt5RedisDeals    m_deals;
   CMt5RedisExits    m_exits;
   CMt5RedisOpenSet  m_open;
   bool              m_marked;
   int               m_looks;
   int               m_connected_looks;
   int               m_sent;
   long              m_refused;        // the first refusal of this look
   bool              m_prices_due;     // prices may be sent in this look
   ulong             m_prices_ms;      // when they were sent last

   void              Count(const long result);
   int               Find(const long position) const;
   void              LookAtPressure(void);
   void              ReadSelected(mt5redis_trade_t &state) const;
   void              ReadDeals(Mt5RedisPosition &position);
   long              SendSelected(const bool refresh);
   void              LookForAbsent(void);
   void              LookForExits(void);
   long              SendClose(mt5redis_trade_t &state,const string symbol,const string comment);
   void              SendOpenSet(void);

protected:
   virtual void      OnOpened(const bool same) override;

public:
                     CMt5RedisPositions(void) : m_marked(false),m_looks(0),m_connected_looks(0),m_sent(0),
                                                m_refused(0),m_prices_due(true),m_prices_ms(0) { }
   long              PublishPositions(void);
   long              PublishPosition(const ulong ticket=0);
   void              MarkTrade(const MqlTradeTransaction &transaction);
  };
//+------------------------------------------------------------------+
//| Call it from OnTradeTransaction. It only marks: the next         |
//| PublishPositions looks at the history as well.                   |
//+------------------------------------------------------------------+
void CMt5RedisPositions::MarkTrade(const MqlTradeTransaction &transaction)
  {
   if(transaction.type!=TRADE_TRANSACTION_REQUEST)
      m_marked=true;
  }
//+------------------------------------------------------------------+
//| Call it from OnTimer. Sends the positions that moved since the   |
//| last call, those that closed, and which ones are open. Returns   |
//| the number of records queued, or the first error code.           |
//+------------------------------------------------------------------+
long CMt5RedisPositions::PublishPositions(void)
  {
   if(m_handle<=0)
      return(NotOpen());
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
     {
      m_connected_looks=0;
      return(0);
     }
   m_connected_looks++;
   LookAtPressure();
   m_sent=0;
   m_refused=0;
   m_open.Clear();
   bool refresh=(m_looks%POSITIONS_REFRESH_LOOKS==0);
   m_looks++;
   for(int i=ArraySize(m_known)-1; i>=0; i--)
      m_known[i].present=false;

   int  total=PositionsTotal();
   bool whole=true;
   for(int i=total-1; i>=0; i--)
     {
      if(PositionGetTicket(i)==0)
        {
         whole=false;
         continue;
        }
      m_open.Add(PositionGetInteger(POSITION_IDENTIFIER));
      Count(SendSelected(refresh));
     }
   if(!whole || PositionsTotal()!=total || m_connected_looks<POSITIONS_SETTLE_LOOKS)
      return(m_refused<0 ? m_refused : m_sent);

   LookForAbsent();
   if(!m_exits.Started())
      m_exits.Start(Instance());
   bool thorough=(refresh || m_connected_looks==POSITIONS_SETTLE_LOOKS);
   if(thorough || m_marked || m_exits.AnyUntold())
     {
      m_marked=false;
      LookForExits();
     }
   if(thorough)
     {
      m_exits.Save();
      m_open.Ask();
     }
   SendOpenSet();
   return(m_refused<0 ? m_refused : m_sent);
  }
//+------------------------------------------------------------------+
//| Under pressure prices are sent less often. The library would     |
//| hold them back as well; this spares its journal.                 |
//+------------------------------------------------------------------+
void CMt5RedisPositions::LookAtPressure(void)
  {
   int   every=IntervalMs(MT5REDIS_LANE_RTS);
   ulong now_ms=GetTickCount64();
   m_prices_due=(every<=0 || now_ms>=m_prices_ms+(ulong)every);
   if(m_prices_due)
      m_prices_ms=now_ms;
  }
//+------------------------------------------------------------------+
//| Sends one position now, by its ticket; 0: the selected one.      |
//| PublishPositions does it for all of them.                        |
//+------------------------------------------------------------------+
long CMt5RedisPositions::PublishPosition(const ulong ticket)
  {
   if(m_handle<=0)
      return(NotOpen());
   if(ticket!=0 && !PositionSelectByTicket(ticket))
      return(Refuse(MT5REDIS_ERR_TICKET,"there is no open position with the ticket "+IntegerToString((long)ticket)));
   if(PositionGetInteger(POSITION_IDENTIFIER)<=0)
      return(Refuse(MT5REDIS_ERR_POSITION,"no position is selected: pass a ticket, or select one before"));
   return(SendSelected(true));
  }
//+------------------------------------------------------------------+
//| What was published to another instance, account or server says   |
//| nothing here.                                                    |
//+------------------------------------------------------------------+
void CMt5RedisPositions::OnOpened(const bool same)
  {
   m_looks=0;
   m_connected_looks=0;
   m_open.Ask();
   if(same)
      return;
   ArrayResize(m_known,0);
   m_open.Forget();
   m_exits.Forget();
  }
//+------------------------------------------------------------------+
//| Sends the selected position if it moved, or in any case.         |
//+------------------------------------------------------------------+
long CMt5RedisPositions::SendSelected(const bool refresh)
  {
   Mt5RedisPosition now;
   ReadSelected(now.state);
   now.symbol=PositionGetString(POSITION_SYMBOL);
   now.comment=Cut(PositionGetString(POSITION_COMMENT),POSITIONS_COMMENT_BYTES);
   now.present=true;
   now.absent_looks=0;
   now.deals_looks=POSITIONS_DEALS_LOOKS;

   int at=Find(now.state.position);
   if(at<0)
     {
      now.state.event=MT5REDIS_EVENT_OPEN;
      ReadDeals(now);
      long opened=SendTrade(now.state,now.symbol,now.comment);
      if(opened>0)
        {
         at=ArraySize(m_known);
         ArrayResize(m_known,at+1,64);
         m_known[at]=now;
        }
      return(opened);
     }

   m_known[at].present=true;
   m_known[at].absent_looks=0;
   mt5redis_trade_t last=m_known[at].state;
   bool changed=(now.state.volume!=last.volume || now.state.side!=last.side || now.state.ticket!=last.ticket ||
                 now.state.price_open!=last.price_open);
   if(!changed)
      now.deals_looks=m_known[at].deals_looks;
   now.state.volume_closed=last.volume_closed;
   now.state.price_close=last.price_close;
   now.state.commission=last.commission;
   if(now.deals_looks>0 || refresh)
      ReadDeals(now);
   changed=(changed || now.state.stop_loss!=last.stop_loss || now.state.take_profit!=last.take_profit ||
            now.state.volume_closed!=last.volume_closed || now.state.price_close!=last.price_close ||
            now.state.commission!=last.commission);
   bool moved=(now.state.price_current!=last.price_current || now.state.profit!=last.profit ||
               now.state.swap!=last.swap);
   m_known[at].deals_looks=now.deals_looks;
   if(!changed && !refresh && (!moved || !m_prices_due))
      return(0);
   now.state.event=(changed ? MT5REDIS_EVENT_CHANGE : MT5REDIS_EVENT_PRICE);
   long result=SendTrade(now.state,now.symbol,now.comment);
   if(result>0)
      m_known[at]=now;
   return(result);
  }
//+------------------------------------------------------------------+
void CMt5RedisPositions::ReadSelected(mt5redis_trade_t &state) const
  {
   ZeroMemory(state);
   state.position=PositionGetInteger(POSITION_IDENTIFIER);
   state.ticket=PositionGetInteger(POSITION_TICKET);
   state.magic=PositionGetInteger(POSITION_MAGIC);
   state.open_time_ms=ServerToUtc(PositionGetInteger(POSITION_TIME_MSC));
   state.volume=PositionGetDouble(POSITION_VOLUME);
   state.price_open=PositionGetDouble(POSITION_PRICE_OPEN);
   state.price_current=PositionGetDouble(POSITION_PRICE_CURRENT);
   state.stop_loss=PositionGetDouble(POSITION_SL);
   state.take_profit=PositionGetDouble(POSITION_TP);
   state.profit=PositionGetDouble(POSITION_PROFIT);
   state.swap=PositionGetDouble(POSITION_SWAP);
   state.side=(PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   state.server_offset_s=ServerOffset();
   state.digits=(int)SymbolInfoInteger(PositionGetString(POSITION_SYMBOL),SYMBOL_DIGITS);
  }
//+------------------------------------------------------------------+
//| What an open position's deals know and it does not. They may     |
//| arrive after it did, so they are read again until they add up.   |
//+------------------------------------------------------------------+
void CMt5RedisPositions::ReadDeals(Mt5RedisPosition &position)
  {
   position.deals_looks--;
   if(!m_deals.Read(position.state.position))
      return;
   position.state.volume_closed=m_deals.volume_closed;
   position.state.price_close=m_deals.price_close;
   position.state.commission=m_deals.commission;
   if(m_deals.AddUpTo(position.state.volume))
      position.deals_looks=0;
  }
//+------------------------------------------------------------------+
//| Positions that were there and are not any more.                  |
//+------------------------------------------------------------------+
void CMt5RedisPositions::LookForAbsent(void)
  {
   for(int i=ArraySize(m_known)-1; i>=0; i--)
     {
      if(m_known[i].present)
         continue;
      mt5redis_trade_t state=m_known[i].state;
      bool patient=(m_known[i].absent_looks<POSITIONS_DEALS_LOOKS);
      m_known[i].absent_looks++;
      bool closed=(m_deals.Read(state.position) && m_deals.Closed(state.volume));
      if(closed && m_deals.reopening && patient)
         closed=false;
      if(closed)
        {
         long result=SendClose(state,m_known[i].symbol,m_known[i].comment);
         Count(result);
         if(result<=0)
           {
            m_open.Add(state.position);
            continue;
           }
         m_exits.TellSelected(state.position);
        }
      else
         if(patient)
           {
            m_open.Add(state.position);
            continue;
           }
         else
            Print("mt5-redis ",Instance(),": position ",state.position,
                  " is no longer open, but the history does not tell how it closed");
      int last=ArraySize(m_known)-1;
      m_known[i]=m_known[last];
      ArrayResize(m_known,last);
     }
  }
//+------------------------------------------------------------------+
//| Positions that closed without having been seen: between two      |
//| looks, or while no program was running here.                     |
//+------------------------------------------------------------------+
void CMt5RedisPositions::LookForExits(void)
  {
   m_open.Sort();
   if(!m_exits.Scan())
      return;
   for(int i=0; i<m_exits.Total(); i++)
     {
      if(m_exits.IsTold(i))
         continue;
      long position=m_exits.Position(i);
      if(m_open.Has(position))
        {
         int known=Find(position);
         if(known<0 || m_known[known].present)
            m_exits.Tell(i);
         continue;
        }
      if(!m_deals.Read(position) || !m_deals.Closed(0.0))
        {
         m_exits.Postpone(i);
         continue;
        }
      mt5redis_trade_t state;
      ZeroMemory(state);
      state.position=position;
      state.magic=m_deals.magic;
      state.open_time_ms=ServerToUtc(m_deals.open_time_ms);
      state.price_open=m_deals.price_open;
      state.side=m_deals.side;
      state.server_offset_s=ServerOffset();
      state.digits=(int)SymbolInfoInteger(m_deals.symbol,SYMBOL_DIGITS);
      long result=SendClose(state,m_deals.symbol,Cut(m_deals.comment,POSITIONS_COMMENT_BYTES));
      Count(result);
      if(result>0)
         m_exits.TellSelected(position);
     }
  }
//+------------------------------------------------------------------+
//| Sends the end of a position, as the deals just read tell it.     |
//+------------------------------------------------------------------+
long CMt5RedisPositions::SendClose(mt5redis_trade_t &state,const string symbol,const string comment)
  {
   if(m_deals.side!=0 && m_deals.AddUpTo(0.0))
     {
      //--- it may have grown or turned since it was seen last
      state.side=m_deals.side;
      state.price_open=m_deals.price_open;
     }
   if(m_deals.stop_loss!=0.0 || m_deals.take_profit!=0.0)
     {
      state.stop_loss=m_deals.stop_loss;
      state.take_profit=m_deals.take_profit;
     }
   state.time_ms=0;
   state.event=MT5REDIS_EVENT_CLOSE;
   state.close_time_ms=ServerToUtc(m_deals.close_time_ms);
   state.volume=0.0;
   state.volume_closed=m_deals.volume_closed;
   state.price_current=m_deals.price_last;
   state.price_close=m_deals.price_close;
   state.profit=m_deals.profit;
   state.swap=m_deals.swap;
   state.commission=m_deals.commission;
   return(SendTrade(state,symbol,comment));
  }
//+------------------------------------------------------------------+
//| Says which positions are open, when that changed or is due.      |
//+------------------------------------------------------------------+
void CMt5RedisPositions::SendOpenSet(void)
  {
   m_open.Sort();
   if(!m_open.Due())
      return;
   long result=SendOpenPositions(m_open.positions,m_open.total);
   Count(result);
   if(result>0)
      m_open.Told();
  }
//+------------------------------------------------------------------+
void CMt5RedisPositions::Count(const long result)
  {
   if(result>0)
      m_sent++;
   if(result<0 && m_refused==0)
      m_refused=result;
  }
//+------------------------------------------------------------------+
int CMt5RedisPositions::Find(const long position) const
  {
   for(int i=ArraySize(m_known)-1; i>=0; i--)
      if(m_known[i].state.position==position)
         return(i);
   return(-1);
  }
//+------------------------------------------------------------------+
#endif
