//+------------------------------------------------------------------+
//|                                          Mt5RedisPositions.mqh   |
//|  Keeps Redis in step with the account's positions.               |
//+------------------------------------------------------------------+
// Trade transactions can be lost, repeated or out of order, so they only mark that something has happened. The timer
// compares the positions with what was published and sends the differences. A position is identified by its
// POSITION_IDENTIFIER, because its ticket changes when a netting position is reversed or the server reopens it. It is
// closed if it is absent and its deals add up. If its deals do not add up, it waits for some looks and then leaves the
// set of open positions; Redis marks it as gone. Each deal is sent as well, with its own numbers.
//
// While the terminal is not connected, nothing is concluded.
#ifndef MT5_REDIS_POSITIONS_MQH
#define MT5_REDIS_POSITIONS_MQH
#include "Mt5RedisDealLog.mqh"
#include "Mt5RedisDeals.mqh"
#include "Mt5RedisExits.mqh"
#include "Mt5RedisOpenSet.mqh"

#define MT5R_POSITIONS_SETTLE_LOOKS    3    // after connecting, the list of positions may still be filling
#define MT5R_POSITIONS_REFRESH_LOOKS   60   // how often everything is sent, changed or not
#define MT5R_POSITIONS_DEALS_LOOKS     20   // how long it waits for missing deals

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
class CMt5RedisPositions : public CMt5RedisDealLog
  {
private:
   Mt5RedisPosition  m_known[];
   CMt5RedisDeals    m_deals;
   CMt5RedisExits    m_exits;
   CMt5RedisOpenSet  m_open;
   bool              m_marked;
   int               m_looks;
   int               m_connected_looks;

   int               Find(const long position_) const;
   void              ReadSelected(mt5redis_trade_t &state_) const;
   void              ReadDeals(Mt5RedisPosition &position_);
   long              SendSelected(const bool refresh_);
   void              LookForAbsent(void);
   void              LookForExits(void);
   long              SendClose(mt5redis_trade_t &state_,const string symbol_,const string comment_);
   void              SendOpenSet(void);

protected:
   virtual void      OnOpened(const bool same_) override;

public:
                     CMt5RedisPositions(void) : m_marked(false),m_looks(0),m_connected_looks(0) { }
   long              PublishPositions(void);
   long              PublishPosition(const ulong ticket_=0);
   void              MarkTrade(const MqlTradeTransaction &transaction_);
  };
//+------------------------------------------------------------------+
//| Call it from OnTradeTransaction. It only marks that the next     |
//| PublishPositions must look at the history as well.               |
//+------------------------------------------------------------------+
void CMt5RedisPositions::MarkTrade(const MqlTradeTransaction &transaction_)
  {
   if(transaction_.type!=TRADE_TRANSACTION_REQUEST)
      m_marked=true;
  }
//+------------------------------------------------------------------+
//| Call it from OnTimer. Sends the positions that changed, those    |
//| that closed, and the set of open ones. Returns the number of     |
//| records queued, or the first error code.                         |
//+------------------------------------------------------------------+
long CMt5RedisPositions::PublishPositions(void)
  {
   if(!Ready())
      return(NotOpen());
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
     {
      m_connected_looks=0;
      return(0);
     }
   m_connected_looks++;
   m_sent=0;
   m_refused=0;
   m_open.Clear();
   bool refresh_=(m_looks%MT5R_POSITIONS_REFRESH_LOOKS==0);
   m_looks++;
   for(int i_=ArraySize(m_known)-1; i_>=0; i_--)
      m_known[i_].present=false;

   int  total_=PositionsTotal();
   bool whole_=true;
   for(int i_=total_-1; i_>=0; i_--)
     {
      if(PositionGetTicket(i_)==0)
        {
         whole_=false;
         continue;
        }
      m_open.Add(PositionGetInteger(POSITION_IDENTIFIER));
      Count(SendSelected(refresh_));
     }
   if(!whole_ || PositionsTotal()!=total_ || m_connected_looks<MT5R_POSITIONS_SETTLE_LOOKS)
      return(m_refused<0 ? m_refused : m_sent);

   LookForAbsent();
   if(!m_exits.Started())
      m_exits.Start(Instance());
   bool thorough_=(refresh_ || m_connected_looks==MT5R_POSITIONS_SETTLE_LOOKS);
   if(thorough_ || m_marked || m_exits.AnyUntold())
     {
      m_marked=false;
      LookForExits();
     }
   if(thorough_)
     {
      m_exits.Save(AllDealsSent());
      m_open.Ask();
     }
   SendOpenSet();
   return(m_refused<0 ? m_refused : m_sent);
  }
//+------------------------------------------------------------------+
//| Sends one position now, by its ticket; 0: the selected one.      |
//| PublishPositions does this for all of them.                      |
//+------------------------------------------------------------------+
long CMt5RedisPositions::PublishPosition(const ulong ticket_)
  {
   if(!Ready())
      return(NotOpen());
   if(ticket_!=0 && !PositionSelectByTicket(ticket_))
      return(Refuse(MT5REDIS_ERR_TICKET,"there is no open position with the ticket "+IntegerToString((long)ticket_)));
   if(PositionGetInteger(POSITION_IDENTIFIER)<=0)
      return(Refuse(MT5REDIS_ERR_POSITION,"no position is selected: pass a ticket, or select a position first"));
   return(SendSelected(true));
  }
//+------------------------------------------------------------------+
//| Forgets what was published to another instance, account or       |
//| server.                                                          |
//+------------------------------------------------------------------+
void CMt5RedisPositions::OnOpened(const bool same_)
  {
   m_looks=0;
   m_connected_looks=0;
   m_open.Ask();
   if(same_)
      return;
   ArrayResize(m_known,0);
   m_open.Forget();
   m_exits.Forget();
   ForgetDeals();
  }
//+------------------------------------------------------------------+
//| Sends the selected position if it changed, or in any case.       |
//+------------------------------------------------------------------+
long CMt5RedisPositions::SendSelected(const bool refresh_)
  {
   Mt5RedisPosition now_;
   ReadSelected(now_.state);
   now_.symbol=PositionGetString(POSITION_SYMBOL);
   now_.comment=PositionGetString(POSITION_COMMENT);
   now_.present=true;
   now_.absent_looks=0;
   now_.deals_looks=MT5R_POSITIONS_DEALS_LOOKS;

   int at_=Find(now_.state.position);
   if(at_<0)
     {
      now_.state.event=MT5REDIS_EVENT_OPEN;
      ReadDeals(now_);
      long opened_=SendTrade(now_.state,now_.symbol,now_.comment);
      if(opened_>0)
        {
         at_=ArraySize(m_known);
         ArrayResize(m_known,at_+1,64);
         m_known[at_]=now_;
        }
      return(opened_);
     }

   m_known[at_].present=true;
   m_known[at_].absent_looks=0;
   mt5redis_trade_t last_=m_known[at_].state;
   bool changed_=(now_.state.volume!=last_.volume || now_.state.side!=last_.side || now_.state.ticket!=last_.ticket ||
                 now_.state.price_open!=last_.price_open);
   if(!changed_)
      now_.deals_looks=m_known[at_].deals_looks;
   now_.state.volume_closed=last_.volume_closed;
   now_.state.price_close=last_.price_close;
   now_.state.commission=last_.commission;
   if(now_.deals_looks>0 || refresh_)
      ReadDeals(now_);
   changed_=(changed_ || now_.state.stop_loss!=last_.stop_loss || now_.state.take_profit!=last_.take_profit ||
            now_.state.volume_closed!=last_.volume_closed || now_.state.price_close!=last_.price_close ||
            now_.state.commission!=last_.commission);
   bool moved_=(now_.state.price_current!=last_.price_current || now_.state.profit!=last_.profit ||
               now_.state.swap!=last_.swap);
   m_known[at_].deals_looks=now_.deals_looks;
   if(!changed_ && !refresh_ && !moved_)
      return(0);
   now_.state.event=(changed_ ? MT5REDIS_EVENT_CHANGE : MT5REDIS_EVENT_PRICE);
   long result_=SendTrade(now_.state,now_.symbol,now_.comment);
   //--- 0: under pressure the price is not due; it is sent with a later look
   if(result_>0)
      m_known[at_]=now_;
   return(result_);
  }
//+------------------------------------------------------------------+
void CMt5RedisPositions::ReadSelected(mt5redis_trade_t &state_) const
  {
   ZeroMemory(state_);
   state_.position=PositionGetInteger(POSITION_IDENTIFIER);
   state_.ticket=PositionGetInteger(POSITION_TICKET);
   state_.magic=PositionGetInteger(POSITION_MAGIC);
   state_.open_time_ms=ServerToUtc(PositionGetInteger(POSITION_TIME_MSC));
   state_.volume=PositionGetDouble(POSITION_VOLUME);
   state_.price_open=PositionGetDouble(POSITION_PRICE_OPEN);
   state_.price_current=PositionGetDouble(POSITION_PRICE_CURRENT);
   state_.stop_loss=PositionGetDouble(POSITION_SL);
   state_.take_profit=PositionGetDouble(POSITION_TP);
   state_.profit=PositionGetDouble(POSITION_PROFIT);
   state_.swap=PositionGetDouble(POSITION_SWAP);
   state_.side=(PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   state_.server_offset_s=ServerOffset();
   state_.digits=(int)SymbolInfoInteger(PositionGetString(POSITION_SYMBOL),SYMBOL_DIGITS);
  }
//+------------------------------------------------------------------+
//| Adds what only the deals know. They may arrive after the         |
//| position, so they are read until they add up.                    |
//+------------------------------------------------------------------+
void CMt5RedisPositions::ReadDeals(Mt5RedisPosition &position_)
  {
   position_.deals_looks--;
   if(!m_deals.Read(position_.state.position))
      return;
   position_.state.volume_closed=m_deals.volume_closed;
   position_.state.price_close=m_deals.price_close;
   position_.state.commission=m_deals.commission;
   if(m_deals.AddUpTo(position_.state.volume))
      position_.deals_looks=0;
  }
//+------------------------------------------------------------------+
//| Handles positions that are no longer in the list.                |
//+------------------------------------------------------------------+
void CMt5RedisPositions::LookForAbsent(void)
  {
   for(int i_=ArraySize(m_known)-1; i_>=0; i_--)
     {
      if(m_known[i_].present)
         continue;
      mt5redis_trade_t state_=m_known[i_].state;
      bool patient_=(m_known[i_].absent_looks<MT5R_POSITIONS_DEALS_LOOKS);
      m_known[i_].absent_looks++;
      bool closed_=(m_deals.Read(state_.position) && m_deals.Closed(state_.volume));
      if(closed_ && m_deals.reopening && patient_)
         closed_=false;
      if(closed_)
        {
         long result_=SendClose(state_,m_known[i_].symbol,m_known[i_].comment);
         Count(result_);
         if(result_<=0)
           {
            m_open.Add(state_.position);
            continue;
           }
         m_exits.TellSelected(state_.position);
        }
      else
         if(patient_)
           {
            m_open.Add(state_.position);
            continue;
           }
         else
            Print("mt5-redis ",Instance(),": position ",state_.position,
                  " is no longer open, but the history does not tell how it closed");
      int last_=ArraySize(m_known)-1;
      m_known[i_]=m_known[last_];
      ArrayResize(m_known,last_);
     }
  }
//+------------------------------------------------------------------+
//| Sends positions that closed between two looks, or while no       |
//| program was running here.                                        |
//+------------------------------------------------------------------+
void CMt5RedisPositions::LookForExits(void)
  {
   m_open.Sort();
   if(!m_exits.Scan())
      return;
   SendDeals();
   for(int i_=0; i_<m_exits.Total(); i_++)
     {
      if(m_exits.IsTold(i_))
         continue;
      long position_=m_exits.Position(i_);
      if(m_open.Has(position_))
        {
         int known_=Find(position_);
         if(known_<0 || m_known[known_].present)
            m_exits.Tell(i_);
         continue;
        }
      if(!m_deals.Read(position_) || !m_deals.Closed(0.0))
        {
         m_exits.Postpone(i_);
         continue;
        }
      mt5redis_trade_t state_;
      ZeroMemory(state_);
      state_.position=position_;
      state_.magic=m_deals.magic;
      state_.open_time_ms=ServerToUtc(m_deals.open_time_ms);
      state_.price_open=m_deals.price_open;
      state_.side=m_deals.side;
      state_.server_offset_s=ServerOffset();
      state_.digits=(int)SymbolInfoInteger(m_deals.symbol,SYMBOL_DIGITS);
      long result_=SendClose(state_,m_deals.symbol,m_deals.comment);
      Count(result_);
      if(result_>0)
         m_exits.TellSelected(position_);
     }
  }
//+------------------------------------------------------------------+
//| Sends the end of a position, from the deals just read.           |
//+------------------------------------------------------------------+
long CMt5RedisPositions::SendClose(mt5redis_trade_t &state_,const string symbol_,const string comment_)
  {
   if(m_deals.side!=0 && m_deals.AddUpTo(0.0))
     {
      //--- it may have grown or turned since it was seen last
      state_.side=m_deals.side;
      state_.price_open=m_deals.price_open;
     }
   if(m_deals.stop_loss!=0.0 || m_deals.take_profit!=0.0)
     {
      state_.stop_loss=m_deals.stop_loss;
      state_.take_profit=m_deals.take_profit;
     }
   state_.time_ms=0;
   state_.event=MT5REDIS_EVENT_CLOSE;
   state_.close_time_ms=ServerToUtc(m_deals.close_time_ms);
   state_.volume=0.0;
   state_.volume_closed=m_deals.volume_closed;
   state_.price_current=m_deals.price_last;
   state_.price_close=m_deals.price_close;
   state_.profit=m_deals.profit;
   state_.swap=m_deals.swap;
   state_.commission=m_deals.commission;
   return(SendTrade(state_,symbol_,comment_));
  }
//+------------------------------------------------------------------+
//| Sends the set of open positions, if it changed or is due.        |
//+------------------------------------------------------------------+
void CMt5RedisPositions::SendOpenSet(void)
  {
   m_open.Sort();
   if(!m_open.Due())
      return;
   long result_=SendOpenPositions(m_open.positions,m_open.total);
   Count(result_);
   if(result_>0)
      m_open.Told();
  }
//+------------------------------------------------------------------+
int CMt5RedisPositions::Find(const long position_) const
  {
   for(int i_=ArraySize(m_known)-1; i_>=0; i_--)
      if(m_known[i_].state.position==position_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
#endif
