// MQL5's functions for the account, its positions and its history.
#include "terminal.h"

using terminal::it;
using terminal::self;
using Lock = std::lock_guard<std::recursive_mutex>;

namespace terminal {

std::vector<books::Position> Terminal::shown() {
  std::vector<books::Position> list;
  if(positions_empty || !broker.account)
    return list;
  if(positions_frozen)
    return frozen;
  for(books::Position &position : broker.account->positions)
    if(position.open)
      list.push_back(position);
  return list;
}

const books::Deal *Terminal::deal(long long ticket) {
  for(long long selected : self->selected_deals)
    if(selected == ticket)
      for(const books::Deal &deal : broker.account->deals)
        if(deal.ticket == ticket)
          return &deal;
  self->last_error = api::ERR_TRADE_DEAL_NOT_FOUND;
  return nullptr;
}

}

static bool find(long long ticket, books::Position &found) {
  for(const books::Position &position : it.shown())
    if(position.ticket == ticket) {
      found = position;
      return true;
    }
  self->last_error = api::ERR_TRADE_POSITION_NOT_FOUND;
  return false;
}

static bool selected(books::Position &found) { return find(self->selected_position, found); }

namespace api {

double AccountInfoDouble(int property) {
  Lock lock(it.mutex);
  const books::Account &account = *it.broker.account;
  double profit = it.broker.profit(), equity = account.balance + account.credit + profit;
  switch(property) {
    case ACCOUNT_BALANCE: return account.balance;
    case ACCOUNT_CREDIT: return account.credit;
    case ACCOUNT_PROFIT: return profit;
    case ACCOUNT_EQUITY: return equity;
    case ACCOUNT_MARGIN: return account.margin;
    case ACCOUNT_MARGIN_FREE: return equity - account.margin;
    case ACCOUNT_MARGIN_LEVEL: return account.margin_level;
  }
  return 0;
}

long long AccountInfoInteger(int property) {
  Lock lock(it.mutex);
  const books::Account &account = *it.broker.account;
  static const int kinds[] = {ACCOUNT_TRADE_MODE_DEMO, ACCOUNT_TRADE_MODE_CONTEST, ACCOUNT_TRADE_MODE_REAL};
  switch(property) {
    case ACCOUNT_LOGIN: return account.login;
    case ACCOUNT_TRADE_MODE: return kinds[account.kind];
    case ACCOUNT_LEVERAGE: return account.leverage;
    case ACCOUNT_TRADE_ALLOWED: return account.trade_allowed;
    case ACCOUNT_TRADE_EXPERT: return account.expert_allowed;
    case ACCOUNT_MARGIN_MODE:
      return account.hedging ? ACCOUNT_MARGIN_MODE_RETAIL_HEDGING : ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  }
  return 0;
}

mql::String AccountInfoString(int property) {
  Lock lock(it.mutex);
  const books::Account &account = *it.broker.account;
  switch(property) {
    case ACCOUNT_SERVER: return mql::from_utf8(account.server);
    case ACCOUNT_COMPANY: return mql::from_utf8(account.company);
    case ACCOUNT_CURRENCY: return mql::from_utf8(account.currency);
    case ACCOUNT_NAME: return u"A trader";
  }
  return mql::String();
}

int PositionsTotal() {
  Lock lock(it.mutex);
  int total = (int)it.shown().size();
  if(it.wrong_totals > 0 && total > 0 && it.totals_asked++ % 2 == 1) {
    it.wrong_totals--;
    return total - 1;
  }
  return total;
}

unsigned long long PositionGetTicket(int index) {
  Lock lock(it.mutex);
  std::vector<books::Position> shown = it.shown();
  if(index < 0 || index >= (int)shown.size() || it.busy_tickets > 0) {
    it.busy_tickets = std::max(0, it.busy_tickets - 1);
    self->last_error = ERR_TRADE_POSITION_NOT_FOUND;
    return 0;
  }
  self->selected_position = shown[index].ticket;
  self->looked[shown[index].id] = shown[index].ticket;
  terminal::note_what_was_seen();
  return (unsigned long long)shown[index].ticket;
}

bool PositionSelectByTicket(unsigned long long ticket) {
  Lock lock(it.mutex);
  books::Position found;
  if(!find((long long)ticket, found))
    return false;
  self->selected_position = (long long)ticket;
  return true;
}

double PositionGetDouble(int property) {
  Lock lock(it.mutex);
  books::Position position;
  if(!selected(position))
    return 0;
  switch(property) {
    case POSITION_VOLUME: return position.volume;
    case POSITION_PRICE_OPEN: return position.price_open;
    case POSITION_SL: return position.stop_loss;
    case POSITION_TP: return position.take_profit;
    case POSITION_PRICE_CURRENT: return it.broker.price(position);
    case POSITION_SWAP: return position.swap;
    case POSITION_PROFIT: return it.broker.profit(position);
  }
  return 0;
}

long long PositionGetInteger(int property) {
  Lock lock(it.mutex);
  books::Position position;
  if(!selected(position))
    return 0;
  switch(property) {
    case POSITION_TICKET: return position.ticket;
    case POSITION_TIME: return position.open_ms / 1000;
    case POSITION_TIME_MSC: return position.open_ms;
    case POSITION_TYPE: return position.buy ? POSITION_TYPE_BUY : POSITION_TYPE_SELL;
    case POSITION_MAGIC: return position.magic;
    case POSITION_IDENTIFIER: return position.id;
  }
  return 0;
}

mql::String PositionGetString(int property) {
  Lock lock(it.mutex);
  books::Position position;
  if(!selected(position))
    return mql::String();
  return mql::from_utf8(property == POSITION_SYMBOL ? position.symbol : position.comment);
}

template <class Wanted>
static bool select(Wanted wanted) {
  Lock lock(it.mutex);
  self->selected_deals.clear();
  if(it.failing_histories > 0) {
    it.failing_histories--;
    return false;
  }
  for(const books::Deal &deal : it.broker.account->deals)
    if(wanted(deal) && (it.hidden_deals_from == 0 || deal.ticket < it.hidden_deals_from))
      self->selected_deals.push_back(deal.ticket);
  return true;
}

bool HistorySelect(long long from, long long to) {
  mql::called("HistorySelect", 0);
  {
    Lock lock(it.mutex);
    self->selected_orders.clear();
    for(const books::Order &order : it.broker.account->past_orders)
      if(it.hidden_deals_from == 0 && order.done_ms / 1000 >= from && order.done_ms / 1000 <= to)
        self->selected_orders.push_back(order.ticket);
  }
  return select([=](const books::Deal &deal) { return deal.time_ms / 1000 >= from && deal.time_ms / 1000 <= to; });
}

bool HistorySelectByPosition(unsigned long long position) {
  mql::called("HistorySelectByPosition", 0);
  return select([=](const books::Deal &deal) { return deal.position == (long long)position; });
}

bool HistoryDealSelect(unsigned long long ticket) {
  return select([=](const books::Deal &deal) { return deal.ticket == (long long)ticket; }) && HistoryDealsTotal() == 1;
}

int HistoryDealsTotal() { return (int)self->selected_deals.size(); }

unsigned long long HistoryDealGetTicket(int index) {
  if(index < 0 || index >= HistoryDealsTotal())
    return 0;
  return (unsigned long long)self->selected_deals[index];
}

double HistoryDealGetDouble(unsigned long long ticket, int property) {
  Lock lock(it.mutex);
  const books::Deal *deal = it.deal((long long)ticket);
  if(!deal)
    return 0;
  switch(property) {
    case DEAL_VOLUME: return deal->volume;
    case DEAL_PRICE: return deal->price;
    case DEAL_COMMISSION: return deal->commission;
    case DEAL_SWAP: return deal->swap;
    case DEAL_PROFIT: return deal->profit;
    case DEAL_FEE: return deal->fee;
    case DEAL_SL: return it.deals_without_stops ? 0 : deal->stop_loss;
    case DEAL_TP: return it.deals_without_stops ? 0 : deal->take_profit;
  }
  return 0;
}

long long HistoryDealGetInteger(unsigned long long ticket, int property) {
  Lock lock(it.mutex);
  const books::Deal *deal = it.deal((long long)ticket);
  if(!deal)
    return 0;
  switch(property) {
    case DEAL_TICKET: return deal->ticket;
    case DEAL_ORDER: return deal->order;
    case DEAL_TIME: return deal->time_ms / 1000;
    case DEAL_TIME_MSC: return deal->time_ms;
    case DEAL_TYPE: return deal->type;
    case DEAL_ENTRY: return deal->entry;
    case DEAL_MAGIC: return deal->magic;
    case DEAL_REASON: return deal->reason;
    case DEAL_POSITION_ID: return deal->position;
  }
  return 0;
}

mql::String HistoryDealGetString(unsigned long long ticket, int property) {
  Lock lock(it.mutex);
  const books::Deal *deal = it.deal((long long)ticket);
  if(!deal)
    return mql::String();
  return mql::from_utf8(property == DEAL_SYMBOL ? deal->symbol : deal->comment);
}

// A scenario has only exponential averages of the chart's closing prices.
int iMA(mql::String symbol, int timeframe, int period, int shift, int method, int price) {
  bool known = symbol == _Symbol() && timeframe == _Period() && shift == 0 && method == MODE_EMA && price == PRICE_CLOSE;
  return it.averages_fail ? INVALID_HANDLE : known ? period : period + 1'000'000;
}

// Of average true ranges it has those of 14 H1 bars. The handle is the place of the symbol among all.
static const int first_range = 2'000'000;

int iATR(mql::String symbol, int timeframe, int period) {
  Lock lock(it.mutex);
  auto found = it.broker.symbols.find(mql::utf8(symbol));
  bool known = found != it.broker.symbols.end() && timeframe == PERIOD_H1 && period == 14;
  return known ? first_range + (int)std::distance(it.broker.symbols.begin(), found) : INVALID_HANDLE;
}

static int copy_range(int handle, mql::View<double> values) {
  const books::Symbol &symbol = std::next(it.broker.symbols.begin(), handle - first_range)->second;
  values.at(0) = symbol.range;
  return symbol.range > 0 ? 1 : -1;
}

int CopyBuffer(int handle, int buffer, int start, int count, mql::View<double> values) {
  Lock lock(it.mutex);
  if(handle >= first_range)
    return buffer == 0 && start == 1 && count == 1 && values.size() > 0 ? copy_range(handle, values) : -1;
  if(!it.averages_ready || buffer != 0 || start != 1 || count != 2 || (int)values.size() < count)
    return -1;
  values.at(0) = it.averages[handle].before;
  values.at(1) = it.averages[handle].now;
  return count;
}

bool IndicatorRelease(int handle) {
  mql::called("IndicatorRelease", 0);
  return handle != INVALID_HANDLE;
}
long long iTime(mql::String, int, int shift) { return shift == 0 ? it.bar_time : 0; }

}
