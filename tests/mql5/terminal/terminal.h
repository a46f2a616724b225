// The stand-in terminal: what programs see of the account, when they are called, and what they did.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include "books.h"
#include "program.h"

namespace terminal {

// An open file of a program.
struct File {
  std::string path, bytes;
  int flags = 0;
  size_t at = 0;
  bool changed = false;
  bool flush();  // false: it could not be written
};

// A program attached to a chart. It runs in its own thread, which takes events from a queue.
class Attached {
 public:
  Attached(const mql::Program &program, std::string symbol, std::map<std::string, std::string> inputs, std::string name,
           bool second);
  ~Attached();
  void call(std::function<void()> event);  // puts the event into the queue
  void wait();                             // until the queue is empty
  bool start();                            // loads the libraries, calls OnInit or OnStart; false: it did not start
  void stop(int reason);                   // calls OnDeinit
  void restart(int reason);                // OnDeinit and OnInit, as after a change of chart or inputs

  const mql::Program &program;
  const std::string name;  // what the scenario calls it
  const bool second;       // it runs in a second terminal, with its own library and files
  std::string data_folder() const;
  std::string symbol;
  std::map<std::string, std::string> inputs;
  bool removed = false;  // by itself, or by a critical error
  int init_result = 0;
  std::string comment;  // what it shows on its chart

  // State of MQL5's functions for this program.
  long long timer_ms = 0, next_timer_ms = 0;
  int last_error = 0;
  bool stopped = false;
  long long selected_position = 0;  // its ticket
  books::Order selected_order;
  // The tickets that it saw, by position, before it first published.
  std::map<long long, long long> looked;
  bool publishes = false;
  mql::Made made;
  std::map<int, File> open_files;  // by handle
  std::vector<long long> selected_deals, selected_orders;

 private:
  void run();
  bool load();
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool busy_ = false, ending_ = false;
};

struct Average {
  double before = 0, now = 0;
};

// One call of OnTradeTransaction.
struct Event {
  api::MqlTradeTransaction transaction;
  api::MqlTradeRequest request;
  api::MqlTradeResult result;
};

// A scripted answer of the trade server.
struct Answer {
  int retcode = 0;
  bool executed = false;  // the request is executed nevertheless
  bool late = false;      // executed at the scenario's next `deliver`
};

// A request that the server has accepted.
struct Accepted {
  api::MqlTradeRequest request;
  double volume = 0, price = 0;
};

// The state of a scenario. Each scenario begins with a new one.
struct State {
  books::Books broker;
  long long clock_ms = 0;    // UTC
  long long offset_ms = 0;   // the trade server's clock minus UTC
  long long tick_ms = 0;     // server time of the last tick; before the first tick long ago, as on a Monday
  bool connected = true, dlls_allowed = true, trade_allowed = true, tester = false, vps = false, x64 = true;
  bool expert_trade = true;
  int build = 5200, ping_us = 41000;
  std::set<std::string> files;              // below MQL5, without content
  bool disk_full = false;                   // nothing more can be written
  bool plays_sounds = true;

  // How much it shows of the broker's books.
  bool positions_empty = false;                  // the list is not loaded yet
  bool positions_frozen = false;                 // an old list is shown
  std::vector<books::Position> frozen;
  long long hidden_deals_from = 0;               // deals from this ticket on are not loaded yet; 0: all are
  int busy_tickets = 0;                          // how many calls of PositionGetTicket will fail
  int wrong_totals = 0;                          // how many calls of PositionsTotal will be one too low, from the second on
  int totals_asked = 0;
  int failing_histories = 0;                     // how many selections of the history will fail
  bool deals_without_stops = false;              // like servers that keep no stops with a deal
  bool timers_fail = false, averages_fail = false;

  // How the trade server deals with requests.
  std::deque<Answer> answers;     // to the next requests; after them the rules decide
  double slip = 0;                // how far prices move before a request arrives
  double fill = 0;                // available volume; 0: unlimited
  long long slow_ms = 0;          // how long a request takes
  std::vector<Accepted> waiting;  // for the next `deliver`
  unsigned requests = 0;
  long long ordered_us = 0;  // when the last order was sent, by now_us
  int crash_in = 0;     // the process ends at this effect of a program, counted from now; 0: it does not
  size_t repeated = 0;  // how many requests of other terminals of this scenario were repeated here

  std::string scenario, transactions = "documented";
  int line = 0;
  std::vector<Event> late;  // transactions that wait for the next `deliver`

  long long bar_time = 0;
  std::map<int, Average> averages;  // by period
  bool averages_ready = true;

  std::vector<std::string> printed;            // "<program>: <line>"
  std::map<std::string, long long> calls;      // of the library, by function
  std::map<std::string, long long> arguments;  // the last argument of the last call of each
  std::set<long long> handles;                 // given out by the library

  std::string fatal;    // the function after which the terminal is killed; empty: none
  int fatal_calls = 0;  // how many of its calls are left until then
};

// The state that the threads share. Every MQL5 function locks it.
struct Terminal : State {
  std::recursive_mutex mutex;
  std::string data_folder, library_folder;
  std::map<std::string, double> variables;  // global variables of the terminal
  std::set<std::string> temporary;          // those that end with it
  std::atomic<long long> events = 0;        // put into any queue
  std::vector<std::unique_ptr<Attached>> programs;

  std::vector<books::Position> shown();        // the open positions, as programs see them
  const books::Deal *deal(long long ticket);   // as the current program sees it
  long long server_ms() const { return clock_ms + offset_ms; }
};

extern Terminal it;
extern thread_local Attached *self;
std::vector<mql::Program> &programs();
void print(const std::string &line);
// Commits the tickets that the current program saw, once it publishes positions.
void note_what_was_seen();
// A clock that only goes forward.
long long now_us();
// Ends the process as a power failure does.
[[noreturn]] void end_at_once(const std::string &where);
void *library_function(const char16_t *library, const char *function);

}
