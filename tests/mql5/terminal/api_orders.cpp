// MQL5's functions for pending orders and trade requests.
#include "dealing.h"
#include "terminal.h"

using terminal::it;
using terminal::self;
using Lock = std::lock_guard<std::recursive_mutex>;

static bool select(const books::Order *order) {
  if(!order) {
    self->last_error = api::ERR_TRADE_ORDER_NOT_FOUND;
    return false;
  }
  self->selected_order = *order;  // a copy: the order may be gone when its properties are asked for
  return true;
}

namespace api {

int OrdersTotal() {
  Lock lock(it.mutex);
  return (int)it.broker.account->orders.size();
}

unsigned long long OrderGetTicket(int index) {
  Lock lock(it.mutex);
  const std::vector<books::Order> &orders = it.broker.account->orders;
  bool there = index >= 0 && index < (int)orders.size();
  return select(there ? &orders[(size_t)index] : nullptr) ? (unsigned long long)self->selected_order.ticket : 0;
}

bool OrderSelect(unsigned long long ticket) {
  Lock lock(it.mutex);
  for(const books::Order &order : it.broker.account->orders)
    if(order.ticket == (long long)ticket)
      return select(&order);
  return select(nullptr);
}

static double number_of(const books::Order &order, int property) {
  switch(property) {
    case ORDER_VOLUME_INITIAL: return order.volume;
    case ORDER_VOLUME_CURRENT: return std::round((order.volume - order.filled) * 100) / 100;
    case ORDER_PRICE_OPEN: return order.price;
    case ORDER_PRICE_STOPLIMIT: return order.price_stop_limit;
    case ORDER_SL: return order.stop_loss;
    case ORDER_TP: return order.take_profit;
    case ORDER_PRICE_CURRENT:
      return terminal::buys(order.type) ? it.broker.symbols[order.symbol].ask : it.broker.symbols[order.symbol].bid;
  }
  return 0;
}

double OrderGetDouble(int property) {
  Lock lock(it.mutex);
  return number_of(self->selected_order, property);
}

static long long integer_of(const books::Order &order, int property) {
  switch(property) {
    case ORDER_TICKET: return order.ticket;
    case ORDER_TYPE: return order.type;
    case ORDER_STATE: return order.done_ms > 0 ? order.state : order.filled > 0 ? ORDER_STATE_PARTIAL : ORDER_STATE_PLACED;
    case ORDER_MAGIC: return order.magic;
    case ORDER_TIME_SETUP: return order.time_ms / 1000;
    case ORDER_TIME_SETUP_MSC: return order.time_ms;
    case ORDER_TIME_DONE: return order.done_ms / 1000;
    case ORDER_TIME_DONE_MSC: return order.done_ms;
    case ORDER_TIME_EXPIRATION: return order.expires_ms / 1000;
    case ORDER_TYPE_FILLING: return ORDER_FILLING_RETURN;
    case ORDER_TYPE_TIME: return order.expires_ms > 0 ? ORDER_TIME_SPECIFIED : ORDER_TIME_GTC;
    case ORDER_REASON: return ORDER_REASON_EXPERT;
  }
  return 0;
}

long long OrderGetInteger(int property) {
  Lock lock(it.mutex);
  return integer_of(self->selected_order, property);
}

static mql::String text_of(const books::Order &order, int property) {
  switch(property) {
    case ORDER_SYMBOL: return mql::from_utf8(order.symbol);
    case ORDER_COMMENT: return mql::from_utf8(order.comment);
  }
  return mql::String();
}

mql::String OrderGetString(int property) {
  Lock lock(it.mutex);
  return text_of(self->selected_order, property);
}

// An order of the selected history.
static books::Order past(unsigned long long ticket) {
  for(long long selected : self->selected_orders)
    if(selected == (long long)ticket)
      for(const books::Order &order : it.broker.account->past_orders)
        if(order.ticket == selected)
          return order;
  self->last_error = ERR_TRADE_ORDER_NOT_FOUND;
  return books::Order();
}

bool HistoryOrderSelect(unsigned long long ticket) {
  Lock lock(it.mutex);
  self->selected_orders = {(long long)ticket};
  bool found = it.hidden_deals_from == 0 && past(ticket).ticket != 0;
  if(!found)
    self->selected_orders.clear();
  return found;
}

int HistoryOrdersTotal() { return (int)self->selected_orders.size(); }

unsigned long long HistoryOrderGetTicket(int index) {
  if(index < 0 || index >= HistoryOrdersTotal())
    return 0;
  return (unsigned long long)self->selected_orders[(size_t)index];
}

double HistoryOrderGetDouble(unsigned long long ticket, int property) {
  Lock lock(it.mutex);
  return number_of(past(ticket), property);
}

long long HistoryOrderGetInteger(unsigned long long ticket, int property) {
  Lock lock(it.mutex);
  return integer_of(past(ticket), property);
}

mql::String HistoryOrderGetString(unsigned long long ticket, int property) {
  Lock lock(it.mutex);
  return text_of(past(ticket), property);
}

bool OrderSend(MqlTradeRequest &request, MqlTradeResult &result) {
  Lock lock(it.mutex);
  it.ordered_us = terminal::now_us();
  mql::called("OrderSend", 0);
  result = terminal::dealt_with(request);
  mql::called("OrderSent", 0);
  bool accepted = result.retcode == TRADE_RETCODE_DONE || result.retcode == TRADE_RETCODE_DONE_PARTIAL ||
                  result.retcode == TRADE_RETCODE_PLACED;
  if(!accepted)
    self->last_error = ERR_TRADE_SEND_FAILED;
  return accepted;
}

// OrderCheck returns code 0 for a valid request.
bool OrderCheck(MqlTradeRequest &request, MqlTradeCheckResult &result) {
  Lock lock(it.mutex);
  const books::Account &account = *it.broker.account;
  double profit = it.broker.profit();
  result = {};
  result.retcode = (unsigned)terminal::refusal(request);
  result.balance = account.balance;
  result.equity = account.balance + account.credit + profit;
  result.profit = profit;
  result.margin = account.margin + terminal::margin_for(request);
  result.margin_free = result.equity - result.margin;
  result.margin_level = result.margin > 0 ? 100 * result.equity / result.margin : 0;
  result.comment = mql::from_utf8(terminal::word_of((int)result.retcode));
  if(result.retcode != 0)
    self->last_error = ERR_TRADE_SEND_FAILED;
  return result.retcode == 0;
}

}
