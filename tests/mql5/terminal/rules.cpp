// The trade server's rules: which requests it refuses, and with which code.
#include <cmath>
#include "dealing.h"

namespace terminal {

using namespace api;

static const std::map<std::string, int> words = {
    {"requote", TRADE_RETCODE_REQUOTE}, {"reject", TRADE_RETCODE_REJECT}, {"placed", TRADE_RETCODE_PLACED},
    {"done", TRADE_RETCODE_DONE}, {"done_partial", TRADE_RETCODE_DONE_PARTIAL}, {"error", TRADE_RETCODE_ERROR},
    {"timeout", TRADE_RETCODE_TIMEOUT}, {"invalid", TRADE_RETCODE_INVALID},
    {"invalid_volume", TRADE_RETCODE_INVALID_VOLUME}, {"invalid_price", TRADE_RETCODE_INVALID_PRICE},
    {"invalid_stops", TRADE_RETCODE_INVALID_STOPS}, {"trade_disabled", TRADE_RETCODE_TRADE_DISABLED},
    {"market_closed", TRADE_RETCODE_MARKET_CLOSED}, {"no_money", TRADE_RETCODE_NO_MONEY},
    {"price_changed", TRADE_RETCODE_PRICE_CHANGED}, {"price_off", TRADE_RETCODE_PRICE_OFF},
    {"too_many_requests", TRADE_RETCODE_TOO_MANY_REQUESTS}, {"no_changes", TRADE_RETCODE_NO_CHANGES},
    {"server_disables_at", TRADE_RETCODE_SERVER_DISABLES_AT},
    {"client_disables_at", TRADE_RETCODE_CLIENT_DISABLES_AT}, {"locked", TRADE_RETCODE_LOCKED},
    {"frozen", TRADE_RETCODE_FROZEN}, {"invalid_fill", TRADE_RETCODE_INVALID_FILL},
    {"connection", TRADE_RETCODE_CONNECTION}, {"limit_volume", TRADE_RETCODE_LIMIT_VOLUME},
    {"invalid_order", TRADE_RETCODE_INVALID_ORDER}, {"position_closed", TRADE_RETCODE_POSITION_CLOSED},
    {"invalid_close_volume", TRADE_RETCODE_INVALID_CLOSE_VOLUME}, {"long_only", TRADE_RETCODE_LONG_ONLY},
    {"short_only", TRADE_RETCODE_SHORT_ONLY}, {"close_only", TRADE_RETCODE_CLOSE_ONLY},
    {"cancel", TRADE_RETCODE_CANCEL}, {"invalid_expiration", TRADE_RETCODE_INVALID_EXPIRATION},
    {"order_changed", TRADE_RETCODE_ORDER_CHANGED}, {"only_real", TRADE_RETCODE_ONLY_REAL},
    {"limit_orders", TRADE_RETCODE_LIMIT_ORDERS}, {"close_order_exist", TRADE_RETCODE_CLOSE_ORDER_EXIST},
    {"limit_positions", TRADE_RETCODE_LIMIT_POSITIONS}, {"reject_cancel", TRADE_RETCODE_REJECT_CANCEL},
    {"fifo_close", TRADE_RETCODE_FIFO_CLOSE}, {"hedge_prohibited", TRADE_RETCODE_HEDGE_PROHIBITED}};

std::string word_of(int retcode) {
  for(auto &[word, code] : words)
    if(code == retcode)
      return word;
  return std::to_string(retcode);
}

int retcode_of(const std::string &word) {
  auto found = words.find(word);
  if(found == words.end())
    throw std::runtime_error("no answer of a trade server is called " + word);
  return found->second;
}

bool buys(int type) {
  return type == ORDER_TYPE_BUY || type == ORDER_TYPE_BUY_LIMIT || type == ORDER_TYPE_BUY_STOP ||
         type == ORDER_TYPE_BUY_STOP_LIMIT;
}

static const books::Symbol *symbol_of(const std::string &name) {
  auto found = it.broker.symbols.find(name);
  return found == it.broker.symbols.end() || !found->second.selected ? nullptr : &found->second;
}

// The distance of a price in points; negative on the wrong side.
static double points(double distance, const books::Symbol &symbol) {
  return std::round(distance * std::pow(10.0, symbol.digits) * 10) / 10;
}

static int volume_refused(double volume, const books::Symbol &symbol) {
  double steps = volume / symbol.volume_step;
  bool whole = std::abs(steps - std::round(steps)) < 1e-6;
  bool good = volume > symbol.volume_min - 1e-9 && volume < symbol.volume_max + 1e-9 && whole;
  return good ? 0 : TRADE_RETCODE_INVALID_VOLUME;
}

// Whether a price is on the symbol's grid.
static bool off_grid(double price, const books::Symbol &symbol) {
  double ticks = price / symbol.tick();
  return std::abs(ticks - std::round(ticks)) > 1e-4;
}

// Stops must be on the symbol's grid, on the right side of the closing price, and far enough from it.
static int stops_refused(bool buy, double stop, double profit, double at, const books::Symbol &symbol) {
  double side = buy ? 1 : -1, least = std::max(symbol.stops_level, 1);
  if(off_grid(stop, symbol) || off_grid(profit, symbol))
    return TRADE_RETCODE_INVALID_STOPS;
  if(stop > 0 && points((at - stop) * side, symbol) < least)
    return TRADE_RETCODE_INVALID_STOPS;
  if(profit > 0 && points((profit - at) * side, symbol) < least)
    return TRADE_RETCODE_INVALID_STOPS;
  return 0;
}

const books::Position *position_of(const MqlTradeRequest &request, unsigned long long ticket) {
  const books::Account &account = *it.broker.account;
  for(const books::Position &position : account.positions) {
    bool named = ticket > 0 && position.ticket == (long long)ticket;
    bool only = !account.hedging && ticket == 0 && position.symbol == mql::utf8(request.symbol);
    if(position.open && (named || only))
      return &position;
  }
  return nullptr;
}

// A position with a stop within the freeze level can be neither changed nor closed.
static bool frozen(const books::Position &position) {
  const books::Symbol &symbol = it.broker.symbols.at(position.symbol);
  for(double level : {position.stop_loss, position.take_profit})
    if(level > 0 && symbol.freeze_level > 0 &&
       std::abs(points(it.broker.price(position) - level, symbol)) < symbol.freeze_level)
      return true;
  return false;
}

double margin_for(const MqlTradeRequest &request) {
  const books::Symbol *symbol = symbol_of(mql::utf8(request.symbol));
  if(!symbol || request.action != TRADE_ACTION_DEAL || request.position > 0)
    return 0;
  return request.volume * symbol->contract * symbol->ask / std::max(1, it.broker.account->leverage);
}

static int filling_refused(const MqlTradeRequest &request, const books::Symbol &symbol) {
  bool by_symbol = symbol.execution >= 2;  // market and exchange execution
  if(request.type_filling == ORDER_FILLING_FOK)
    return by_symbol && !(symbol.filling & SYMBOL_FILLING_FOK) ? TRADE_RETCODE_INVALID_FILL : 0;
  if(request.type_filling == ORDER_FILLING_IOC)
    return by_symbol && !(symbol.filling & SYMBOL_FILLING_IOC) ? TRADE_RETCODE_INVALID_FILL : 0;
  return request.type_filling == ORDER_FILLING_RETURN && symbol.execution != 2 ? 0 : TRADE_RETCODE_INVALID_FILL;
}

static int opening_refused(const MqlTradeRequest &request, const books::Symbol &symbol, bool buy) {
  static const int by_mode[] = {TRADE_RETCODE_TRADE_DISABLED, TRADE_RETCODE_LONG_ONLY, TRADE_RETCODE_SHORT_ONLY,
                                TRADE_RETCODE_CLOSE_ONLY};
  if(symbol.mode == 0 || symbol.mode == 3 || (symbol.mode == 1 && !buy) || (symbol.mode == 2 && buy))
    return by_mode[symbol.mode];
  if(int code = stops_refused(buy, request.sl, request.tp, buy ? symbol.bid : symbol.ask, symbol))
    return code;
  double sum = request.volume;
  for(const books::Position &position : it.broker.account->positions)
    sum += position.open && position.buy == buy && position.symbol == mql::utf8(request.symbol) ? position.volume : 0;
  if(symbol.volume_limit > 0 && sum > symbol.volume_limit + 1e-9)
    return TRADE_RETCODE_LIMIT_VOLUME;
  const books::Account &account = *it.broker.account;
  double free = account.balance + account.credit + it.broker.profit() - account.margin;
  return margin_for(request) > free ? TRADE_RETCODE_NO_MONEY : 0;
}

static int deal_refused(const MqlTradeRequest &request, const books::Symbol &symbol) {
  if(request.type != ORDER_TYPE_BUY && request.type != ORDER_TYPE_SELL)
    return TRADE_RETCODE_INVALID_ORDER;
  if(int code = volume_refused(request.volume, symbol))
    return code;
  if(int code = filling_refused(request, symbol))
    return code;
  if(symbol.bid <= 0 || symbol.ask <= 0)
    return TRADE_RETCODE_PRICE_OFF;
  bool buy = buys(request.type);
  if(symbol.execution < 2) {  // request and instant execution: at the requested price, or not at all
    if(request.price <= 0 || off_grid(request.price, symbol))
      return TRADE_RETCODE_INVALID_PRICE;
    double now = (buy ? symbol.ask : symbol.bid) + it.slip;
    if(std::abs(points(request.price - now, symbol)) > (double)request.deviation)
      return TRADE_RETCODE_REQUOTE;
  }
  const books::Position *position = position_of(request, request.position);
  if(request.position > 0 && !position)
    return TRADE_RETCODE_POSITION_CLOSED;
  if(request.position > 0 && position->symbol != mql::utf8(request.symbol))
    return TRADE_RETCODE_INVALID;
  bool closes = position && position->buy != buy;
  if(closes && frozen(*position))
    return TRADE_RETCODE_FROZEN;
  if(it.broker.account->hedging && request.position > 0) {
    if(!closes)
      return TRADE_RETCODE_INVALID;
    return request.volume > position->volume + 1e-9 ? TRADE_RETCODE_INVALID_CLOSE_VOLUME : 0;
  }
  return closes && request.volume < position->volume + 1e-9 ? 0 : opening_refused(request, symbol, buy);
}

static int stops_change_refused(const MqlTradeRequest &request) {
  const books::Position *position = position_of(request, request.position);
  if(!position)
    return TRADE_RETCODE_POSITION_CLOSED;
  if(position->symbol != mql::utf8(request.symbol))
    return TRADE_RETCODE_INVALID;
  if(position->stop_loss == request.sl && position->take_profit == request.tp)
    return TRADE_RETCODE_NO_CHANGES;
  if(frozen(*position))
    return TRADE_RETCODE_FROZEN;
  const books::Symbol &symbol = it.broker.symbols.at(position->symbol);
  return stops_refused(position->buy, request.sl, request.tp, it.broker.price(*position), symbol);
}

static int close_by_refused(const MqlTradeRequest &request) {
  const books::Position *one = position_of(request, request.position), *by = position_of(request, request.position_by);
  if(!one || !by)
    return TRADE_RETCODE_POSITION_CLOSED;
  bool fit = it.broker.account->hedging && one->symbol == by->symbol && one->buy != by->buy;
  return fit ? 0 : TRADE_RETCODE_INVALID;
}

// A limit order is better than the market price, a stop order worse.
static int pending_refused(const MqlTradeRequest &request, const books::Symbol &symbol) {
  if(int code = volume_refused(request.volume, symbol))
    return code;
  double above_ask = points(request.price - symbol.ask, symbol), below_bid = points(symbol.bid - request.price, symbol);
  if(request.price <= 0)
    return TRADE_RETCODE_INVALID_PRICE;
  switch(request.type) {
    case ORDER_TYPE_BUY_LIMIT: return above_ask < 0 ? 0 : TRADE_RETCODE_INVALID_PRICE;
    case ORDER_TYPE_SELL_LIMIT: return below_bid < 0 ? 0 : TRADE_RETCODE_INVALID_PRICE;
    case ORDER_TYPE_BUY_STOP: return above_ask > 0 ? 0 : TRADE_RETCODE_INVALID_PRICE;
    case ORDER_TYPE_SELL_STOP: return below_bid > 0 ? 0 : TRADE_RETCODE_INVALID_PRICE;
    // At its price it becomes a limit order, which is better than that price.
    case ORDER_TYPE_BUY_STOP_LIMIT:
      return above_ask > 0 && request.stoplimit > 0 && request.stoplimit < request.price ? 0 : TRADE_RETCODE_INVALID_PRICE;
    case ORDER_TYPE_SELL_STOP_LIMIT:
      return below_bid > 0 && request.stoplimit > request.price ? 0 : TRADE_RETCODE_INVALID_PRICE;
  }
  return TRADE_RETCODE_INVALID_ORDER;
}

int refusal(const MqlTradeRequest &request) {
  const books::Account &account = *it.broker.account;
  if(!it.connected)
    return TRADE_RETCODE_CONNECTION;
  if(!it.trade_allowed || !it.expert_trade)
    return TRADE_RETCODE_CLIENT_DISABLES_AT;
  if(!account.expert_allowed)
    return TRADE_RETCODE_SERVER_DISABLES_AT;
  if(!account.trade_allowed)
    return TRADE_RETCODE_TRADE_DISABLED;
  const books::Symbol *symbol = symbol_of(mql::utf8(request.symbol));
  switch(request.action) {
    case TRADE_ACTION_DEAL: return symbol ? deal_refused(request, *symbol) : TRADE_RETCODE_INVALID;
    case TRADE_ACTION_PENDING: return symbol ? pending_refused(request, *symbol) : TRADE_RETCODE_INVALID;
    case TRADE_ACTION_SLTP: return stops_change_refused(request);
    case TRADE_ACTION_CLOSE_BY: return close_by_refused(request);
    case TRADE_ACTION_REMOVE:
    case TRADE_ACTION_MODIFY:
      for(const books::Order &order : account.orders)
        if(order.ticket == (long long)request.order)
          return 0;
      return TRADE_RETCODE_INVALID_ORDER;
  }
  return TRADE_RETCODE_INVALID;
}

}
