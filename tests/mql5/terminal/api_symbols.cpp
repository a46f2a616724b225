// MQL5's functions and variables for symbols.
#include <algorithm>
#include "terminal.h"

using terminal::it;
using terminal::self;
using Lock = std::lock_guard<std::recursive_mutex>;

static books::Symbol *known(const mql::String &name) {
  auto found = it.broker.symbols.find(mql::utf8(name));
  if(found != it.broker.symbols.end())
    return &found->second;
  self->last_error = api::ERR_MARKET_UNKNOWN_SYMBOL;
  return nullptr;
}

// A symbol in the Market Watch.
static books::Symbol *watched(const mql::String &name) {
  books::Symbol *symbol = known(name);
  if(symbol && !symbol->selected) {
    self->last_error = api::ERR_MARKET_NOT_SELECTED;
    return nullptr;
  }
  return symbol;
}

namespace api {

mql::String _Symbol() { return mql::from_utf8(self->symbol); }
int _Digits() { return (int)SymbolInfoInteger(_Symbol(), SYMBOL_DIGITS); }
double _Point() { return SymbolInfoDouble(_Symbol(), SYMBOL_POINT); }
int _Period() { return PERIOD_H1; }

// A symbol with a chart or an open position stays in the Market Watch.
bool SymbolSelect(mql::String name, bool select) {
  Lock lock(it.mutex);
  books::Symbol *symbol = known(name);
  if(!symbol)
    return false;
  bool used = false;
  for(auto &attached : it.programs)
    used = used || attached->symbol == mql::utf8(name);
  for(const books::Position &position : it.broker.account->positions)
    used = used || (position.open && position.symbol == mql::utf8(name));
  if(!select && used) {
    self->last_error = ERR_MARKET_SELECT_ERROR;
    return false;
  }
  symbol->selected = select;
  return true;
}

// All symbols of the broker, or those in the Market Watch.
static std::vector<std::string> listed(bool selected) {
  std::vector<std::string> names;
  for(auto &[name, symbol] : it.broker.symbols)
    if(symbol.selected || !selected)
      names.push_back(name);
  return names;
}

int SymbolsTotal(bool selected) {
  Lock lock(it.mutex);
  return (int)listed(selected).size();
}

mql::String SymbolName(int pos, bool selected) {
  Lock lock(it.mutex);
  std::vector<std::string> names = listed(selected);
  return pos < 0 || pos >= (int)names.size() ? mql::String() : mql::from_utf8(names[(size_t)pos]);
}

bool SymbolExist(mql::String name, bool &is_custom) {
  Lock lock(it.mutex);
  is_custom = false;
  return it.broker.symbols.contains(mql::utf8(name));
}

mql::String SymbolInfoString(mql::String name, int property) {
  Lock lock(it.mutex);
  const books::Symbol *of = watched(name);
  if(!of)
    return mql::String();
  return mql::from_utf8(property == SYMBOL_CURRENCY_BASE ? of->base : of->profit);
}

double SymbolInfoDouble(mql::String name, int property) {
  Lock lock(it.mutex);
  const books::Symbol *of = watched(name);
  if(!of)
    return 0;
  switch(property) {
    case SYMBOL_BID: return of->bid;
    case SYMBOL_ASK: return of->ask;
    case SYMBOL_POINT: return std::pow(10.0, -of->digits);
    case SYMBOL_VOLUME_MIN: return of->volume_min;
    case SYMBOL_VOLUME_MAX: return of->volume_max;
    case SYMBOL_VOLUME_STEP: return of->volume_step;
    case SYMBOL_VOLUME_LIMIT: return of->volume_limit;
    case SYMBOL_TRADE_CONTRACT_SIZE: return of->contract;
    case SYMBOL_TRADE_TICK_SIZE: return of->tick();
    case SYMBOL_TRADE_TICK_VALUE:
    case SYMBOL_TRADE_TICK_VALUE_PROFIT:
    case SYMBOL_TRADE_TICK_VALUE_LOSS: return of->tick_value != 0 ? std::max(0.0, of->tick_value) : of->contract * of->tick();
  }
  return 0;
}

long long SymbolInfoInteger(mql::String name, int property) {
  Lock lock(it.mutex);
  if(property == SYMBOL_SELECT || property == SYMBOL_VISIBLE) {
    const books::Symbol *of = known(name);
    return of && of->selected;
  }
  const books::Symbol *of = watched(name);
  if(!of)
    return 0;
  static const int modes[] = {SYMBOL_TRADE_MODE_DISABLED, SYMBOL_TRADE_MODE_LONGONLY, SYMBOL_TRADE_MODE_SHORTONLY,
                              SYMBOL_TRADE_MODE_CLOSEONLY, SYMBOL_TRADE_MODE_FULL};
  static const int executions[] = {SYMBOL_TRADE_EXECUTION_REQUEST, SYMBOL_TRADE_EXECUTION_INSTANT,
                                   SYMBOL_TRADE_EXECUTION_MARKET, SYMBOL_TRADE_EXECUTION_EXCHANGE};
  switch(property) {
    case SYMBOL_DIGITS: return of->digits;
    case SYMBOL_SPREAD: return std::llround((of->ask - of->bid) * std::pow(10.0, of->digits));
    case SYMBOL_TRADE_MODE: return modes[of->mode];
    case SYMBOL_TRADE_EXEMODE: return executions[of->execution];
    case SYMBOL_TRADE_STOPS_LEVEL: return of->stops_level;
    case SYMBOL_TRADE_FREEZE_LEVEL: return of->freeze_level;
    case SYMBOL_FILLING_MODE: return of->filling;
  }
  return 0;
}

}
