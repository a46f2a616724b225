// The broker's books: accounts, positions, orders and deals, as a trade server keeps them. Redis is compared with them;
// terminal.h decides what of them a program sees.
#pragma once
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace books {

struct Symbol {
  int digits = 5;
  double bid = 0, ask = 0;
  double contract = 100000;
  double tick_size = 0;  // price step; 0: a point
  double volume_min = 0.01, volume_max = 100, volume_step = 0.01, volume_limit = 0;
  int stops_level = 0, freeze_level = 0;  // points
  int filling = 3;                        // of SYMBOL_FILLING_*
  int mode = 4, execution = 2;            // of SYMBOL_TRADE_MODE_*, SYMBOL_TRADE_EXECUTION_*, in their order
  bool selected = true;                   // in the Market Watch
  double range = 0;                       // average true range of the last complete H1 bar, of 14 bars; 0: not loaded
  double tick_value = 0;                  // of one lot in the account's currency; 0: contract size times price step; below 0: unknown yet
  std::string base, profit;               // currencies; empty: as in the name, EURUSD
  double tick() const { return tick_size > 0 ? tick_size : std::pow(10.0, -digits); }
};

struct Deal {
  long long ticket = 0, order = 0, position = 0, magic = 0, time_ms = 0;
  int type = 0, entry = 0, reason = 0;
  double volume = 0, price = 0, profit = 0, swap = 0, commission = 0, fee = 0, stop_loss = 0, take_profit = 0;
  std::string symbol, comment;
};

struct Order {
  long long ticket = 0, magic = 0, time_ms = 0;
  int type = 0;
  double volume = 0, price = 0, price_stop_limit = 0, stop_loss = 0, take_profit = 0;
  std::string symbol, comment;
  double filled = 0;
  long long expires_ms = 0, done_ms = 0;
  int state = 0;  // of ENUM_ORDER_STATE, when it has ended
  bool requested = false;  // placed by a program
};

// A position and the sums of its deals. After a reversal, prices and closed volume are those of the new direction; money
// is that of the whole life.
struct Position {
  long long id = 0, ticket = 0, magic = 0, open_ms = 0, close_ms = 0;
  bool open = true, buy = true;
  double volume = 0, price_open = 0, stop_loss = 0, take_profit = 0, swap = 0;
  double volume_closed = 0, closed_of_direction = 0, price_close = 0, price_last = 0;
  double realised = 0, swap_paid = 0, commission = 0;
  std::string symbol, comment;
  long long seen_ticket = 0;  // the last ticket that programs saw; 0: they never saw the position
  bool told = true;    // false: its deals are gone, so it is unknown how it closed
};

struct Account {
  long long login = 0;
  std::string server, company = "Broker Ltd", currency = "USD";
  int kind = 0;  // of ACCOUNT_TRADE_MODE_*, in their order
  bool hedging = true, trade_allowed = true, expert_allowed = true;
  int leverage = 100;
  double balance = 10000, credit = 0, margin = 0, margin_level = 0;
  std::vector<Position> positions;  // open and closed
  std::vector<Order> orders, past_orders;
  std::vector<Deal> deals;
};

// The parameters of a scenario's trade.
struct Terms {
  double volume = 0, price = 0, stop_loss = 0, take_profit = 0, commission = 0, fee = 0, swap = 0;
  long long magic = 0;
  std::string symbol, comment;
  int reason = 0;
  bool buy = true;
  bool requested = false;  // made by a program: the deal has its magic number and comment
  long long order = 0;     // the ticket of its order; 0: a new one
};

class Books {
 public:
  std::map<std::string, Symbol> symbols;
  std::map<std::string, Account> accounts;
  Account *account = nullptr;  // the current account
  long long server_ms = 0;     // the trade server's clock
  long long next_ticket = 1001;

  Position &position(long long id);
  double profit(const Position &position) const;
  double price(const Position &position) const;
  double profit() const;

  // Each returns its deals.
  std::vector<Deal> open(const Terms &terms);
  std::vector<Deal> add(long long id, const Terms &terms);
  std::vector<Deal> close(long long id, const Terms &terms);
  std::vector<Deal> close_by(long long id, long long by);
  std::vector<Deal> reverse(long long id, const Terms &terms);
  Deal swap_out(long long id, const Terms &terms);
  Deal swap_in(long long id, const Terms &terms);
  Deal balance(double amount);
  // A pending order leaves the list, for the history.
  void end(long long order, int state);

 private:
  Deal deal(const Position &position, const Terms &terms, int entry, bool buy, double volume, double price);
  void leave(Position &position, double volume, double price);
};

}
