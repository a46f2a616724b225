#include "books.h"
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include "api.h"

namespace books {

// Volumes are multiples of 0.01.
static double lots(double volume) { return std::round(volume * 100) / 100; }

Position &Books::position(long long id) {
  for(Position &position : account->positions)
    if(position.id == id)
      return position;
  throw std::runtime_error("no position " + std::to_string(id));
}

double Books::price(const Position &position) const {
  const Symbol &symbol = symbols.at(position.symbol);
  return position.buy ? symbol.bid : symbol.ask;
}

static double money(double difference, double volume, double contract) {
  return std::round(difference * volume * contract * 100) / 100;
}

double Books::profit(const Position &position) const {
  double difference = price(position) - position.price_open;
  return money(position.buy ? difference : -difference, position.volume, symbols.at(position.symbol).contract);
}

double Books::profit() const {
  double sum = 0;
  for(const Position &position : account->positions)
    if(position.open)
      sum += profit(position) + position.swap;
  return sum;
}

Deal Books::deal(const Position &position, const Terms &terms, int entry, bool buy, double volume, double price) {
  Deal deal;
  deal.order = terms.order ? terms.order : next_ticket++;
  deal.ticket = next_ticket++;
  deal.position = position.id;
  deal.time_ms = server_ms;
  server_ms += 7;
  deal.type = buy ? api::DEAL_TYPE_BUY : api::DEAL_TYPE_SELL;
  deal.entry = entry;
  deal.reason = terms.reason;
  deal.volume = volume;
  deal.price = price;
  deal.commission = terms.commission;
  deal.fee = terms.fee;
  deal.magic = terms.requested ? terms.magic : position.magic;
  deal.symbol = position.symbol;
  deal.comment = terms.requested ? terms.comment : position.comment;
  deal.stop_loss = position.stop_loss;
  deal.take_profit = position.take_profit;
  return deal;
}

std::vector<Deal> Books::open(const Terms &terms) {
  Position position;
  position.buy = terms.buy;
  position.volume = lots(terms.volume);
  position.price_open = terms.price;
  position.stop_loss = terms.stop_loss;
  position.take_profit = terms.take_profit;
  position.magic = terms.magic;
  position.symbol = terms.symbol;
  position.comment = terms.comment;
  position.open_ms = server_ms;
  position.commission = terms.commission + terms.fee;
  position.price_last = terms.price;
  Deal made = deal(position, terms, api::DEAL_ENTRY_IN, terms.buy, position.volume, terms.price);
  // The identifier is the ticket of the order that opened it.
  position.id = position.ticket = made.position = made.order;
  account->balance += terms.commission + terms.fee;
  account->positions.push_back(position);
  account->deals.push_back(made);
  return {made};
}

std::vector<Deal> Books::add(long long id, const Terms &terms) {
  Position &old = position(id);
  Deal made = deal(old, terms, api::DEAL_ENTRY_IN, old.buy, terms.volume, terms.price);
  old.price_open = (old.price_open * old.volume + terms.price * terms.volume) / lots(old.volume + terms.volume);
  old.volume = lots(old.volume + terms.volume);
  old.commission += terms.commission + terms.fee;
  old.price_last = terms.price;
  account->balance += terms.commission + terms.fee;
  account->deals.push_back(made);
  return {made};
}

// Closes volume of a position at a price.
void Books::leave(Position &position, double volume, double price) {
  double sum = lots(position.closed_of_direction + volume);
  position.price_close = (position.price_close * position.closed_of_direction + price * volume) / sum;
  position.closed_of_direction = sum;
  position.volume_closed = lots(position.volume_closed + volume);
  position.volume = lots(position.volume - volume);
  position.price_last = price;
}

std::vector<Deal> Books::close(long long id, const Terms &terms) {
  Position &old = position(id);
  double volume = terms.volume > 0 ? lots(terms.volume) : old.volume;
  Deal made = deal(old, terms, api::DEAL_ENTRY_OUT, !old.buy, volume, terms.price);
  double difference = terms.price - old.price_open;
  made.profit = money(old.buy ? difference : -difference, volume, symbols.at(old.symbol).contract);
  made.swap = volume == old.volume ? old.swap : 0;
  leave(old, volume, terms.price);
  old.realised += made.profit;
  old.swap_paid += made.swap;
  old.commission += terms.commission + terms.fee;
  account->balance += made.profit + made.swap + terms.commission + terms.fee;
  if(old.volume == 0) {
    old.open = false;
    old.close_ms = made.time_ms;
  }
  account->deals.push_back(made);
  return {made};
}

std::vector<Deal> Books::close_by(long long id, long long by) {
  double volume = std::min(position(id).volume, position(by).volume);
  double price = position(id).price_open, price_by = position(by).price_open;
  std::vector<Deal> made;
  for(auto [one, at] : {std::pair(id, price_by), std::pair(by, price)}) {
    Terms terms;
    terms.volume = volume;
    terms.price = at;
    Deal deal = close(one, terms).front();
    deal.entry = account->deals.back().entry = api::DEAL_ENTRY_OUT_BY;
    made.push_back(deal);
  }
  return made;
}

// Netting: one deal closes everything and opens the rest in the other direction. The identifier stays, the ticket changes.
std::vector<Deal> Books::reverse(long long id, const Terms &terms) {
  Position &old = position(id);
  double closed = old.volume;
  Deal made = deal(old, terms, api::DEAL_ENTRY_INOUT, !old.buy, lots(closed + terms.volume), terms.price);
  double difference = terms.price - old.price_open;
  made.profit = money(old.buy ? difference : -difference, closed, symbols.at(old.symbol).contract);
  leave(old, closed, terms.price);
  old.realised += made.profit;
  old.commission += terms.commission + terms.fee;
  old.buy = !old.buy;
  old.volume = lots(terms.volume);
  old.price_open = terms.price;
  old.price_close = 0;
  old.closed_of_direction = 0;
  old.ticket = made.order;
  account->balance += made.profit + terms.commission + terms.fee;
  account->deals.push_back(made);
  return {made};
}

// The server closes the position overnight and reopens it at another price.
Deal Books::swap_out(long long id, const Terms &terms) {
  Position &old = position(id);
  Deal made = deal(old, terms, api::DEAL_ENTRY_OUT, !old.buy, old.volume, terms.price);
  double difference = terms.price - old.price_open;
  made.profit = money(old.buy ? difference : -difference, old.volume, symbols.at(old.symbol).contract);
  made.swap = old.swap;
  old.realised += made.profit;
  old.swap_paid += made.swap;
  old.swap = 0;
  old.open = false;
  old.commission += terms.commission + terms.fee;
  account->balance += made.profit + made.swap + terms.commission + terms.fee;
  account->deals.push_back(made);
  return made;
}

Deal Books::swap_in(long long id, const Terms &terms) {
  Position &old = position(id);
  Deal made = deal(old, terms, api::DEAL_ENTRY_IN, old.buy, old.volume, terms.price);
  old.open = true;
  old.ticket = made.order;
  old.price_open = terms.price;
  old.commission += terms.commission + terms.fee;
  account->balance += terms.commission + terms.fee;
  account->deals.push_back(made);
  return made;
}

Deal Books::balance(double amount) {
  Deal made = deal(Position(), Terms(), api::DEAL_ENTRY_IN, true, 0, 0);
  made.type = api::DEAL_TYPE_BALANCE;
  made.profit = amount;
  account->balance += amount;
  account->deals.push_back(made);
  return made;
}

void Books::end(long long ticket, int state) {
  auto order = std::find_if(account->orders.begin(), account->orders.end(),
                            [=](const Order &one) { return one.ticket == ticket; });
  if(order == account->orders.end())
    throw std::runtime_error("no order " + std::to_string(ticket));
  order->state = state;
  order->done_ms = server_ms;
  account->past_orders.push_back(*order);
  account->orders.erase(order);
}

}
