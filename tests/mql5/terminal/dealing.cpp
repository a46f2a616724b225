// Handles requests: answers, executes and reports them, and stores executed ones for the terminal after a kill.
#include "dealing.h"
#include <fstream>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace terminal {

using namespace api;

static books::Terms terms_of(const Accepted &accepted) {
  const MqlTradeRequest &request = accepted.request;
  books::Terms terms;
  terms.symbol = mql::utf8(request.symbol);
  terms.comment = mql::utf8(request.comment.text().substr(0, 31));
  terms.magic = (long long)request.magic;
  terms.volume = accepted.volume;
  terms.price = accepted.price;
  terms.stop_loss = request.sl;
  terms.take_profit = request.tp;
  terms.buy = buys(request.type);
  terms.reason = DEAL_REASON_EXPERT;
  terms.requested = true;
  return terms;
}

// On a hedging account a deal without a position opens one; on a netting account it adds, closes or reverses.
static std::vector<books::Deal> deals_of(const Accepted &accepted) {
  books::Books &broker = it.broker;
  books::Terms terms = terms_of(accepted);
  const books::Position *position = position_of(accepted.request, accepted.request.position);
  if(!position)
    return broker.open(terms);
  // A deal that adds or reverses sets or clears the stops; one that closes keeps them.
  books::Position &changed = broker.position(position->id);
  if(position->buy == terms.buy || terms.volume > position->volume + 1e-9) {
    changed.stop_loss = terms.stop_loss;
    changed.take_profit = terms.take_profit;
  }
  if(position->buy == terms.buy)
    return broker.add(position->id, terms);
  if(terms.volume < position->volume + 1e-9)
    return broker.close(position->id, terms);
  terms.volume -= position->volume;
  return broker.reverse(position->id, terms);
}

static Event event(int type, const books::Order &order) {
  Event made;
  made.transaction.type = type;
  made.transaction.order = (unsigned long long)order.ticket;
  made.transaction.symbol = mql::from_utf8(order.symbol);
  made.transaction.order_type = order.type;
  made.transaction.price = order.price;
  made.transaction.volume = order.volume;
  return made;
}

// Executes a request for a pending order, and the transaction that reports it.
static Event order_changed(const MqlTradeRequest &request, MqlTradeResult &result) {
  std::vector<books::Order> &orders = it.broker.account->orders;
  auto order = std::find_if(orders.begin(), orders.end(),
                            [&](const books::Order &one) { return one.ticket == (long long)request.order; });
  int type = request.action == TRADE_ACTION_REMOVE ? TRADE_TRANSACTION_ORDER_DELETE : TRADE_TRANSACTION_ORDER_UPDATE;
  if(request.action == TRADE_ACTION_PENDING) {
    books::Terms terms = terms_of({request, request.volume, request.price});
    books::Order made{it.broker.next_ticket++, terms.magic, it.broker.server_ms, request.type, terms.volume,
                      terms.price, request.stoplimit, request.sl, request.tp, terms.symbol, terms.comment, 0,
                      request.expiration * 1000, 0, 0, true};
    order = orders.insert(orders.end(), made);
    type = TRADE_TRANSACTION_ORDER_ADD;
  }
  result.order = (unsigned long long)order->ticket;
  if(request.action == TRADE_ACTION_MODIFY) {
    order->price = request.price;
    order->price_stop_limit = request.stoplimit;
    order->expires_ms = request.expiration * 1000;
    order->stop_loss = request.sl;
    order->take_profit = request.tp;
  }
  Event told = event(type, *order);
  if(request.action == TRADE_ACTION_REMOVE)
    it.broker.end(order->ticket, ORDER_STATE_CANCELED);
  return told;
}

// Executes a request, fills in the result, and returns the transactions that report it.
static std::vector<Event> carried_out(const Accepted &accepted, MqlTradeResult &result) {
  const MqlTradeRequest &request = accepted.request;
  Event requested;
  requested.transaction.type = TRADE_TRANSACTION_REQUEST;
  requested.request = request;
  if(request.action == TRADE_ACTION_DEAL || request.action == TRADE_ACTION_CLOSE_BY) {
    std::vector<books::Deal> deals =
        request.action == TRADE_ACTION_DEAL
            ? deals_of(accepted)
            : it.broker.close_by(position_of(request, request.position)->id, position_of(request, request.position_by)->id);
    result.order = (unsigned long long)deals.front().order;
    result.deal = (unsigned long long)deals.front().ticket;
    result.volume = deals.front().volume;
    result.price = deals.front().price;
    requested.result = result;
    std::vector<Event> all = events_of(deals);
    all.push_back(requested);
    return all;
  }
  Event told;
  if(request.action == TRADE_ACTION_SLTP) {
    books::Position &position = it.broker.position(position_of(request, request.position)->id);
    position.stop_loss = request.sl;
    position.take_profit = request.tp;
    told.transaction.type = TRADE_TRANSACTION_POSITION;
    told.transaction.position = (unsigned long long)position.ticket;
    told.transaction.symbol = mql::from_utf8(position.symbol);
    told.transaction.price_sl = request.sl;
    told.transaction.price_tp = request.tp;
  } else
    told = order_changed(request, result);
  requested.result = result;
  return {told, requested};
}

// All terminals of a scenario have one broker.
static std::string kept_requests() { return std::string(getenv("MQL5_BROKER")) + "\\requests.txt"; }

// A stored request, for the terminal after a kill and for a second terminal.
static void keep(const Accepted &accepted) {
  const MqlTradeRequest &r = accepted.request;
  std::ofstream file(kept_requests(), std::ios::app);
  file.precision(17);
  file << it.scenario << ' ' << it.line << ' ' << it.broker.server_ms << ' ' << accepted.volume << ' '
       << accepted.price << ' ' << r.action << ' ' << r.magic << ' ' << r.order << ' ' << r.volume << ' ' << r.price
       << ' ' << r.stoplimit << ' ' << r.sl << ' ' << r.tp << ' ' << r.type << ' ' << r.position << ' '
       << r.position_by << ' ' << r.expiration << ' ' << '[' << mql::utf8(r.symbol) << "] " << mql::utf8(r.comment) << '\n';
}

void repeat_requests(int last_line) {
  std::lock_guard lock(it.mutex);
  std::ifstream file(kept_requests());
  std::string text;
  for(size_t at = 0; std::getline(file, text) && !file.eof(); at++) {
    if(at < it.repeated)
      continue;
    std::istringstream words(text);
    std::string scenario, symbol, comment;
    int line;
    Accepted a;
    MqlTradeRequest &r = a.request;
    words >> scenario >> line >> it.broker.server_ms >> a.volume >> a.price >> r.action >> r.magic >> r.order >>
        r.volume >> r.price >> r.stoplimit >> r.sl >> r.tp >> r.type >> r.position >> r.position_by >> r.expiration >>
        symbol;
    std::getline(words >> std::ws, comment);
    r.symbol = mql::from_utf8(symbol.substr(1, symbol.size() - 2));
    r.comment = mql::from_utf8(comment);
    MqlTradeResult result;
    if(scenario == it.scenario && line > last_line)
      return;
    it.repeated = at + 1;
    if(scenario == it.scenario)
      tell(carried_out(a, result));
  }
}

MqlTradeResult dealt_with(const MqlTradeRequest &request) {
  it.clock_ms += it.slow_ms;
  it.broker.server_ms = it.server_ms();
  MqlTradeResult result;
  result.request_id = ++it.requests;
  auto found = it.broker.symbols.find(mql::utf8(request.symbol));
  const books::Symbol symbol = found == it.broker.symbols.end() ? books::Symbol() : found->second;
  result.bid = symbol.bid + it.slip;
  result.ask = symbol.ask + it.slip;
  Answer answer;
  answer.retcode = refusal(request);
  answer.executed = answer.retcode == 0;
  if(answer.executed && !it.answers.empty()) {
    answer = it.answers.front();
    it.answers.pop_front();
  }
  Accepted accepted{request, request.volume, buys(request.type) ? result.ask : result.bid};
  bool partly = request.action == TRADE_ACTION_DEAL && it.fill > 0 && it.fill < request.volume;
  if(partly && request.type_filling == ORDER_FILLING_FOK)
    answer = {TRADE_RETCODE_REJECT};
  else if(partly)
    accepted.volume = it.fill;
  result.retcode = (unsigned)(answer.retcode ? answer.retcode : partly ? TRADE_RETCODE_DONE_PARTIAL : TRADE_RETCODE_DONE);
  result.comment = mql::from_utf8(word_of((int)result.retcode));
  if(answer.late)
    it.waiting.push_back(accepted);
  if(answer.executed) {
    keep(accepted);
    MqlTradeResult done = result;
    tell(carried_out(accepted, done));
    // A failed request reveals no ticket.
    if(answer.retcode == 0)
      result = done;
  }
  return result;
}

void carry_out_late() {
  for(const Accepted &accepted : std::exchange(it.waiting, {})) {
    keep(accepted);
    MqlTradeResult result;
    result.retcode = TRADE_RETCODE_DONE;
    tell(carried_out(accepted, result));
  }
}

// The order is added and removed, then its history, then the deal; a deal's change of a position has no transaction of
// its own. A terminal guarantees neither order nor arrival.
std::vector<Event> events_of(const std::vector<books::Deal> &deals) {
  std::vector<Event> all;
  for(const books::Deal &deal : deals)
    for(int type : {TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_ORDER_DELETE, TRADE_TRANSACTION_HISTORY_ADD,
                    TRADE_TRANSACTION_DEAL_ADD}) {
      Event made;
      made.transaction.type = type;
      made.transaction.order = (unsigned long long)deal.order;
      made.transaction.deal = type == TRADE_TRANSACTION_DEAL_ADD ? (unsigned long long)deal.ticket : 0;
      made.transaction.position = type == TRADE_TRANSACTION_DEAL_ADD ? (unsigned long long)deal.position : 0;
      made.transaction.symbol = mql::from_utf8(deal.symbol);
      made.transaction.deal_type = deal.type;
      made.transaction.price = deal.price;
      made.transaction.volume = deal.volume;
      all.push_back(made);
    }
  return all;
}

void tell(std::vector<Event> events) {
  const std::string &order = it.transactions;
  if(order == "lost")
    return;
  if(order == "late") {
    it.late.insert(it.late.end(), events.begin(), events.end());
    return;
  }
  if(order == "reversed")
    std::reverse(events.begin(), events.end());
  for(int times = order == "twice" ? 2 : 1; times > 0; times--)
    for(const Event &event : events)
      for(auto &attached : it.programs)
        if(attached->program.OnTradeTransaction)
          attached->call([&one = *attached, copy = event]() mutable {
            one.program.OnTradeTransaction(copy.transaction, copy.request, copy.result);
          });
}

// An event of one program may cause events of others.
void settle() {
  for(long long before = -1; before != it.events;) {
    before = it.events;
    for(auto &attached : it.programs)
      attached->wait();
  }
}

}
