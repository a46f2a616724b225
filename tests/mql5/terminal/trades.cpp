// The broker's steps of a scenario, and the transactions that report them.
#include "dealing.h"
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
  } else if(verb == "place") {
    books::Order order;
    order.ticket = broker.next_ticket++;
    order.time_ms = broker.server_ms;
    order.type = step.text("side", "buy") == "buy" ? api::ORDER_TYPE_BUY_LIMIT : api::ORDER_TYPE_SELL_LIMIT;
    order.symbol = step.text("symbol", "EURUSD");
    order.volume = step.number("volume", 0.1);
    order.price = step.number("price");
    order.magic = step.whole("magic");
    order.comment = step.text("comment");
    broker.account->orders.push_back(order);
    Event event;
    event.transaction.type = api::TRADE_TRANSACTION_ORDER_ADD;
    event.transaction.order = (unsigned long long)order.ticket;
    tell({event});
  } else if(verb == "cancel") {
    broker.account->orders.clear();
  } else if(verb == "name") {
    // The newest matching open position.
    for(const books::Position &position : broker.account->positions)
      if(position.open && is_meant(position, step))
        references_[step.word] = position.id;
    if(!references_.contains(step.word))
      fail("there is no such position to be called " + step.word);
  } else if(verb == "broker")
    dealing(step);
  else
    fail("unknown step " + verb);
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
