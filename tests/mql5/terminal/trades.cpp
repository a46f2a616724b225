// The steps of a scenario that the broker carries out, and the transactions that tell programs of them.
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

void Player::trade(const Step &step) {
  books::Books &broker = it.broker;
  const std::string &verb = step.verb;
  if(verb == "open") {
    std::vector<books::Deal> deals = broker.open(terms(step));
    references_[step.word] = deals.front().position;
    transactions(deals);
  } else if(verb == "add")
    transactions(broker.add(position(step, step.word), terms(step)));
  else if(verb == "close")
    transactions(broker.close(position(step, step.word), terms(step)));
  else if(verb == "closeby")
    transactions(broker.close_by(position(step, step.word), position(step, step.text("by"))));
  else if(verb == "reverse")
    transactions(broker.reverse(position(step, step.word), terms(step)));
  else if(verb == "swapout")
    transactions({broker.swap_out(position(step, step.word), terms(step))});
  else if(verb == "swapin")
    transactions({broker.swap_in(position(step, step.word), terms(step))});
  else if(verb == "balance")
    transactions({broker.balance(step.number("amount"))});
  else if(verb == "modify") {
    books::Position &changed = broker.position(position(step, step.word));
    changed.stop_loss = step.number("sl", changed.stop_loss);
    changed.take_profit = step.number("tp", changed.take_profit);
    changed.swap = step.number("swap", changed.swap);
    api::MqlTradeTransaction transaction;
    transaction.type = api::TRADE_TRANSACTION_POSITION;
    transaction.position = (unsigned long long)changed.ticket;
    transaction.symbol = mql::from_utf8(changed.symbol);
    deliver(transaction);
  } else if(verb == "forget") {
    // The deals of a position leave the history, all of them, those that opened it, or the first.
    long long id = position(step, step.word), first = step.has("first") ? id + 1 : 0;
    std::erase_if(broker.account->deals, [=](const books::Deal &deal) {
      return deal.position == id && (!step.has("entries") || deal.entry == api::DEAL_ENTRY_IN) &&
             (first == 0 || deal.ticket == first);
    });
    if(!step.has("entries") && first == 0)
      broker.position(id).told = false;
  } else if(verb == "place") {
    books::Order order{broker.next_ticket++, step.text("symbol", "EURUSD")};
    broker.account->orders.push_back(order);
    api::MqlTradeTransaction transaction;
    transaction.type = api::TRADE_TRANSACTION_ORDER_ADD;
    transaction.order = (unsigned long long)order.ticket;
    deliver(transaction);
  } else if(verb == "cancel") {
    broker.account->orders.clear();
  } else
    fail("unknown step " + verb);
}

// The transactions of market deals: the order comes and goes, then its history, then the deal; a position's
// change by a deal has none of its own. A terminal promises nothing about order and arrival.
void Player::transactions(const std::vector<books::Deal> &deals) {
  std::vector<api::MqlTradeTransaction> all;
  for(const books::Deal &deal : deals) {
    for(int type : {api::TRADE_TRANSACTION_ORDER_ADD, api::TRADE_TRANSACTION_ORDER_DELETE,
                    api::TRADE_TRANSACTION_HISTORY_ADD, api::TRADE_TRANSACTION_DEAL_ADD}) {
      api::MqlTradeTransaction transaction;
      transaction.type = type;
      transaction.order = (unsigned long long)deal.order;
      transaction.deal = type == api::TRADE_TRANSACTION_DEAL_ADD ? (unsigned long long)deal.ticket : 0;
      transaction.symbol = mql::from_utf8(deal.symbol);
      transaction.deal_type = deal.type;
      transaction.price = deal.price;
      transaction.volume = deal.volume;
      all.push_back(transaction);
    }
    api::MqlTradeTransaction request;
    request.type = api::TRADE_TRANSACTION_REQUEST;
    all.push_back(request);
  }
  if(order_ == "reversed")
    std::reverse(all.begin(), all.end());
  if(order_ == "late") {
    late_.insert(late_.end(), all.begin(), all.end());
    return;
  }
  if(order_ == "lost")
    return;
  if(order_ != "documented" && order_ != "reversed" && order_ != "twice")
    throw std::runtime_error("unknown order of transactions: " + order_);
  for(int times = order_ == "twice" ? 2 : 1; times > 0; times--)
    for(const api::MqlTradeTransaction &transaction : all)
      deliver(transaction);
}

void Player::deliver(api::MqlTradeTransaction transaction) {
  if(!running() || order_ == "lost")
    return;
  for(auto &attached : it.programs)
    if(attached->program.OnTradeTransaction)
      attached->call([&one = *attached, transaction]() mutable {
        api::MqlTradeRequest request;
        api::MqlTradeResult result;
        one.program.OnTradeTransaction(transaction, request, result);
      });
  for(auto &attached : it.programs)
    attached->wait();
}

}
