// The broker's steps of a scenario, and the transactions that report them.
#include "dealing.h"
#include <algorithm>
#include "player.h"

namespace terminal {

static const std::map<std::string, int> reasons = {
    {"client", api::DEAL_REASON_CLIENT}, {"expert", api::DEAL_REASON_EXPERT}, {"sl", api::DEAL_REASON_SL},
    {"tp", api::DEAL_REASON_TP}, {"so", api::DEAL_REASON_SO}, {"rollover", api::DEAL_REASON_ROLLOVER},
    {"margin", api::DEAL_REASON_VMARGIN}, {"split", api::DEAL_REASON_SPLIT},
    {"corporate", api::DEAL_REASON_CORPORATE_ACTION}};

long long Player::position(const Step &step, const std::string &name) const {
  auto found = references_.find(name);
  if(found == references_.end())
    throw std::runtime_error(step.verb + ": there is no position " + name);
  return found->second;
}

books::Terms Player::terms(const Step &step) const {
  books::Terms terms;
  terms.symbol = step.text("symbol", "EURUSD");
  terms.buy = step.text("side", "buy") == "buy";
  terms.volume = step.number("volume");
  terms.price = step.number("price");
  terms.stop_loss = step.number("sl");
  terms.take_profit = step.number("tp");
  terms.commission = step.number("commission");
  terms.fee = step.number("fee");
  terms.magic = step.whole("magic");
  terms.comment = step.text("comment");
  terms.reason = reasons.at(step.text("reason", "client"));
  return terms;
}

// These deals were not made by a program, so no request is reported.
static void made(const std::vector<books::Deal> &deals) { tell(events_of(deals)); }

void Player::trade(const Step &step) {
  books::Books &broker = it.broker;
  const std::string &verb = step.verb;
  if(verb == "open") {
    std::vector<books::Deal> deals = broker.open(terms(step));
    references_[step.word] = deals.front().position;
    made(deals);
  } else if(verb == "add")
    made(broker.add(position(step, step.word), terms(step)));
  else if(verb == "close")
    made(broker.close(position(step, step.word), terms(step)));
  else if(verb == "closeby")
    made(broker.close_by(position(step, step.word), position(step, step.text("by"))));
  else if(verb == "reverse")
    made(broker.reverse(position(step, step.word), terms(step)));
  else if(verb == "swapout")
    made({broker.swap_out(position(step, step.word), terms(step))});
  else if(verb == "swapin")
    made({broker.swap_in(position(step, step.word), terms(step))});
  else if(verb == "balance")
    made({broker.balance(step.number("amount"))});
  else if(verb == "modify") {
    books::Position &changed = broker.position(position(step, step.word));
    changed.stop_loss = step.number("sl", changed.stop_loss);
    changed.take_profit = step.number("tp", changed.take_profit);
    changed.swap = step.number("swap", changed.swap);
    Event event;
    event.transaction.type = api::TRADE_TRANSACTION_POSITION;
    event.transaction.position = (unsigned long long)changed.ticket;
    event.transaction.symbol = mql::from_utf8(changed.symbol);
    tell({event});
  } else if(verb == "forget") {
    // Removes deals of a position from the history: all, those that opened it, or the first.
    long long id = position(step, step.word), first = step.has("first") ? id + 1 : 0;
    std::erase_if(broker.account->deals, [=](const books::Deal &deal) {
      return deal.position == id && (!step.has("entries") || deal.entry == api::DEAL_ENTRY_IN) &&
             (first == 0 || deal.ticket == first);
    });
    if(!step.has("entries") && first == 0)
      broker.position(id).told = false;
  } else if(verb == "retire") {
    // A position from before any program ran: Redis must not know it, but its deals stay.
    long long id = position(step, step.word);
    std::erase_if(broker.account->positions, [=](const books::Position &one) { return one.id == id; });
  } else if(verb == "place" || verb == "change" || verb == "fill" || verb == "expire" || verb == "cancel") {
    order(step);
  } else if(verb == "name") {
    // The newest matching open position, or the newest pending order.
    if(step.has("order"))
      for(const books::Order &order : broker.account->orders)
        if(step.text("comment", order.comment) == order.comment)
          references_[step.word] = order.ticket;
    for(const books::Position &position : broker.account->positions)
      if(!step.has("order") && position.open && is_meant(position, step))
        references_[step.word] = position.id;
    if(!references_.contains(step.word))
      fail("there is no such position to be called " + step.word);
  } else if(verb == "broker")
    dealing(step);
  else
    fail("unknown step " + verb);
}

static Event event_of(int type, const books::Order &order) {
  Event event;
  event.transaction.type = type;
  event.transaction.order = (unsigned long long)order.ticket;
  return event;
}

// The type of a pending order.
static int type_of(const std::string &kind, bool buys) {
  static const std::map<std::string, int> buying = {{"limit", api::ORDER_TYPE_BUY_LIMIT},
                                                    {"stop", api::ORDER_TYPE_BUY_STOP},
                                                    {"stop_limit", api::ORDER_TYPE_BUY_STOP_LIMIT}};
  static const std::map<std::string, int> selling = {{"limit", api::ORDER_TYPE_SELL_LIMIT},
                                                     {"stop", api::ORDER_TYPE_SELL_STOP},
                                                     {"stop_limit", api::ORDER_TYPE_SELL_STOP_LIMIT}};
  return (buys ? buying : selling).at(kind);
}

// A pending order with a stop on the wrong side of its price is a mistake of the scenario: no broker has one, and followers
// rightly wait before they copy what it opens.
static void refuse_wrong_stops(const Step &step, const books::Order &order) {
  double price = order.price_stop_limit > 0 ? order.price_stop_limit : order.price, side = buys(order.type) ? 1 : -1;
  if((order.stop_loss > 0 && (price - order.stop_loss) * side <= 0) ||
     (order.take_profit > 0 && (order.take_profit - price) * side <= 0))
    throw std::runtime_error(step.verb + ": no broker accepts these stops of " + step.word);
}

// Pending orders: `place`, and what becomes of them.
void Player::order(const Step &step) {
  books::Books &broker = it.broker;
  if(step.verb == "place") {
    books::Order order;
    order.ticket = broker.next_ticket++;
    order.time_ms = broker.server_ms;
    order.type = type_of(step.text("kind", "limit"), step.text("side", "buy") == "buy");
    order.symbol = step.text("symbol", "EURUSD");
    order.volume = step.number("volume", 0.1);
    order.price = step.number("price");
    order.price_stop_limit = step.number("limit");
    order.stop_loss = step.number("sl");
    order.take_profit = step.number("tp");
    order.magic = step.whole("magic");
    order.comment = step.text("comment");
    order.expires_ms = step.has("lives_s") ? broker.server_ms / 1000 * 1000 + step.whole("lives_s") * 1000 : 0;
    refuse_wrong_stops(step, order);
    broker.account->orders.push_back(order);
    references_[step.word] = order.ticket;
    tell({event_of(api::TRADE_TRANSACTION_ORDER_ADD, order)});
    return;
  }
  if(step.word.empty()) {
    while(!broker.account->orders.empty())
      broker.end(broker.account->orders.front().ticket, api::ORDER_STATE_CANCELED);
    return;
  }
  long long ticket = position(step, step.word);
  auto found = std::find_if(broker.account->orders.begin(), broker.account->orders.end(),
                            [=](const books::Order &one) { return one.ticket == ticket; });
  if(found == broker.account->orders.end())
    throw std::runtime_error(step.verb + ": there is no pending order " + step.word);
  if(step.verb == "change") {
    if(step.has("kind"))
      found->type = type_of(step.text("kind"), buys(found->type));
    found->price = step.number("price", found->price);
    found->price_stop_limit = step.number("limit", found->price_stop_limit);
    found->stop_loss = step.number("sl", found->stop_loss);
    found->take_profit = step.number("tp", found->take_profit);
    refuse_wrong_stops(step, *found);
    tell({event_of(api::TRADE_TRANSACTION_ORDER_UPDATE, *found)});
    return;
  }
  books::Order order = *found;
  if(step.verb != "fill") {
    broker.end(ticket, step.verb == "expire"   ? api::ORDER_STATE_EXPIRED
                       : step.has("rejected") ? api::ORDER_STATE_REJECTED
                                              : api::ORDER_STATE_CANCELED);
    tell({event_of(api::TRADE_TRANSACTION_ORDER_DELETE, order)});
    return;
  }
  books::Terms terms;
  terms.symbol = order.symbol;
  terms.buy = buys(order.type);
  terms.volume = step.number("volume", order.volume - order.filled);
  terms.price = order.price;
  terms.stop_loss = order.stop_loss;
  terms.take_profit = order.take_profit;
  terms.magic = order.magic;
  terms.comment = order.comment;
  if(order.requested) {
    // The identifier of the position is the ticket of this order, also when more of it is filled later.
    terms.requested = true;
    terms.order = ticket;
    terms.reason = api::DEAL_REASON_EXPERT;
  }
  found->filled += terms.volume;
  if(order.volume - found->filled < 1e-9)
    broker.end(ticket, api::ORDER_STATE_FILLED);
  // On a netting account it changes the symbol's position.
  const books::Position *old = nullptr;
  for(const books::Position &one : broker.account->positions)
    if(one.open && (terms.order == one.id || (!broker.account->hedging && one.symbol == terms.symbol)))
      old = &one;
  std::vector<books::Deal> deals;
  if(!old)
    deals = broker.open(terms);
  else if(old->buy == terms.buy)
    deals = broker.add(old->id, terms);
  else if(terms.volume < old->volume + 1e-9)
    deals = broker.close(old->id, terms);
  else {
    terms.volume -= old->volume;
    deals = broker.reverse(old->id, terms);
  }
  references_["of_" + step.word] = deals.front().position;
  std::vector<Event> events = events_of(deals);
  events.push_back(event_of(api::TRADE_TRANSACTION_ORDER_DELETE, order));
  tell(events);
}

// How the server handles requests: `broker timeout times=2 executed=1`, `broker slow_ms=3000 slip=0.0003 fill=0.1`.
void Player::dealing(const Step &step) {
  it.slow_ms = step.whole("slow_ms", it.slow_ms);
  it.slip = step.number("slip", it.slip);
  it.fill = step.number("fill", it.fill);
  if(step.word == "plain")
    it.answers.clear();
  else if(!step.word.empty())
    it.answers.insert(it.answers.end(), (size_t)step.whole("times", 1),
                      {retcode_of(step.word), step.truth("executed", false), step.truth("late", false)});
}

bool is_meant(const books::Position &position, const Step &step) {
  auto same = [](double a, double b) { return std::abs(a - b) < 1e-9; };
  return step.text("symbol", position.symbol) == position.symbol &&
         step.text("comment", position.comment) == position.comment &&
         step.whole("magic", position.magic) == position.magic &&
         step.text("side", position.buy ? "buy" : "sell") == (position.buy ? "buy" : "sell") &&
         same(step.number("volume", position.volume), position.volume) &&
         same(step.number("price", position.price_open), position.price_open) &&
         same(step.number("sl", position.stop_loss), position.stop_loss) &&
         same(step.number("tp", position.take_profit), position.take_profit);
}

}
