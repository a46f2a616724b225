// The checks of a scenario: the books as JSON for the oracle, and what programs printed and called.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <thread>
#include "player.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

namespace terminal {

// One JSON object, field by field.
class Json {
 public:
  Json &put(const std::string &name, const std::string &text) {
    std::string quoted;
    for(char c : text)
      quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return raw(name, '"' + quoted + '"');
  }
  Json &put(const std::string &name, const char *text) { return put(name, std::string(text)); }
  Json &put(const std::string &name, bool truth) { return raw(name, truth ? "true" : "false"); }
  Json &put(const std::string &name, long long number) { return raw(name, std::to_string(number)); }
  Json &put(const std::string &name, int number) { return raw(name, std::to_string(number)); }
  Json &put(const std::string &name, double number) {
    std::ostringstream text;
    text.precision(17);
    text << number;
    return raw(name, text.str());
  }
  Json &raw(const std::string &name, const std::string &value) {
    text_ += (text_.empty() ? "\"" : ",\"") + name + "\":" + value;
    return *this;
  }
  std::string str() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

static std::string list(const std::vector<std::string> &parts) {
  std::string joined;
  for(const std::string &part : parts)
    joined += (joined.empty() ? "" : ",") + part;
  return "[" + joined + "]";
}

static std::string json_of(const books::Position &position) {
  Json json;
  json.put("id", position.id).put("open", position.open).put("ticket", position.ticket).put("magic", position.magic);
  json.put("buy", position.buy).put("volume", position.volume).put("volume_closed", position.volume_closed);
  json.put("price_open", position.price_open).put("price_close", position.price_close);
  json.put("price", position.open ? it.broker.price(position) : position.price_last);
  json.put("stop_loss", position.stop_loss).put("take_profit", position.take_profit);
  json.put("profit", position.open ? it.broker.profit(position) : position.realised);
  json.put("swap", position.open ? position.swap : position.swap_paid).put("commission", position.commission);
  json.put("opened_ms", position.open_ms - it.offset_ms);
  json.put("closed_ms", position.open ? 0 : position.close_ms - it.offset_ms);
  json.put("digits", it.broker.symbols.at(position.symbol).digits);
  json.put("symbol", position.symbol).put("comment", position.comment);
  json.put("seen_ticket", position.seen_ticket).put("told", position.told);
  return json.str();
}

// The letters of the wire format.
static const char *kind_of(const books::Deal &deal) {
  return deal.type == api::DEAL_TYPE_BUY       ? "b"
         : deal.type == api::DEAL_TYPE_SELL    ? "s"
         : deal.type == api::DEAL_TYPE_BALANCE ? "p"
         : deal.type == api::DEAL_TYPE_CREDIT  ? "c"
                                               : "o";
}

static const char *entry_of(const books::Deal &deal) {
  return deal.entry == api::DEAL_ENTRY_IN      ? "i"
         : deal.entry == api::DEAL_ENTRY_OUT   ? "o"
         : deal.entry == api::DEAL_ENTRY_INOUT ? "r"
                                               : "b";
}

static std::string json_of(const books::Deal &deal) {
  Json json;
  json.put("ticket", deal.ticket).put("order", deal.order).put("position", deal.position).put("magic", deal.magic);
  json.put("time_ms", deal.time_ms - it.offset_ms).put("kind", kind_of(deal));
  json.put("entry", kind_of(deal)[0] == 'b' || kind_of(deal)[0] == 's' ? entry_of(deal) : "n");
  json.put("volume", deal.volume).put("price", deal.price).put("profit", deal.profit).put("swap", deal.swap);
  json.put("commission", deal.commission + deal.fee).put("symbol", deal.symbol).put("comment", deal.comment);
  return json.str();
}

static std::string json_of(const books::Account &account) {
  Json json;
  std::vector<std::string> positions, deals;
  for(const books::Deal &deal : account.deals)
    deals.push_back(json_of(deal));
  int open = 0;
  for(const books::Position &position : account.positions) {
    positions.push_back(json_of(position));
    open += position.open;
  }
  bool current = it.broker.account == &account;
  double profit = current ? it.broker.profit() : 0;
  json.put("login", account.login).put("server", account.server).put("company", account.company);
  json.put("currency", account.currency).put("kind", account.kind).put("hedging", account.hedging);
  json.put("trade_allowed", account.trade_allowed).put("expert_allowed", account.expert_allowed);
  json.put("leverage", account.leverage).put("balance", account.balance).put("credit", account.credit);
  json.put("margin", account.margin).put("margin_level", account.margin_level).put("profit", profit);
  json.put("orders", (long long)account.orders.size()).put("open", open).put("current", current);
  json.raw("positions", list(positions)).raw("deals", list(deals));
  return json.str();
}

static std::vector<std::string> json_of(const std::map<std::string, std::vector<std::string>> &expected) {
  std::vector<std::string> all;
  for(auto &[instance, lines] : expected)
    for(const std::string &line : lines)
      all.push_back(Json().put("instance", instance).put("line", line).str());
  return all;
}

std::string Player::json() const {
  std::vector<std::string> accounts;
  for(auto &[name, account] : it.broker.accounts)
    accounts.push_back(json_of(account));
  std::vector<std::string> stored;
  for(const std::string &line : stored_)
    stored.push_back(Json().put("line", line).str());
  Json terminal;
  terminal.put("connected", it.connected).put("trade_allowed", it.trade_allowed).put("expert_trade", it.expert_trade);
  terminal.put("vps", it.vps).put("build", it.build).put("ping_us", it.ping_us).put("offset_s", it.offset_ms / 1000);
  terminal.put("now_ms", it.clock_ms);
  Json json;
  json.put("scenario", it.scenario).put("line", it.line).raw("terminal", terminal.str());
  json.raw("accounts", list(accounts)).raw("stored", list(stored));
  json.raw("signals", list(json_of(signals_))).raw("reports", list(json_of(reports_)));
  return json.str();
}

// If the machine stalled, the level rose and programs send less, so this waits the real seconds until the level falls. While
// the link is cut it cannot fall: the oldest signal waits ever longer.
void Player::wait_for_calm() {
  using Throttle = int (*)(long long handle);
  if(it.handles.empty() || cut_)
    return;
  Throttle throttle = (Throttle)library_function(u"mt5_redis.dll", "mt5redis_throttle");
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool heard = true;
  for(long long handle : it.handles)
    heard = heard && throttle(handle) <= asked_;
  // Only the next heartbeat notices a lower level.
  if(heard)
    directed_ = asked_;
  for(long long handle : it.handles)
    while(throttle(handle) > directed_ && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

// Waits until everything published is in Redis.
void Player::flush() {
  using Flush = int (*)(long long handle, int timeout_ms);
  if(it.handles.empty())
    return;
  Flush flush = (Flush)library_function(u"mt5_redis.dll", "mt5redis_flush");
  for(auto handle = it.handles.begin(); handle != it.handles.end();) {
    int result = flush(*handle, 30000);
    if(result == -9)
      fail("what was published does not reach Redis within 30 s");
    handle = result < 0 ? it.handles.erase(handle) : std::next(handle);
  }
}

// Waits until everything published is in Redis, then asks the oracle.
void Player::check(const Step &step) {
  flush();
  std::string what = json();
  what.insert(what.size() - 1, ",\"step\":" + Json().put("rest", step.rest).str());
  stored_.clear();
  if(!asked("CHECK " + what))
    fail("Redis differs from the books");
  asked_ = (int)step.whole("directive", asked_);
  directed_ = std::max(directed_, asked_);
}

// Steps of other terminals and operators, which act on Redis.
void Player::others(const Step &step) {
  if(!asked("REDIS " + Json().put("verb", step.verb).put("rest", step.rest).str()))
    fail("it cannot be done");
}

// Asks the process that reads our output.
bool Player::asked(const std::string &question) const {
  printf("%s\n", question.c_str());
  fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer.substr(0, 4) == "good";
}

void Player::expect(const Step &step) {
  std::string why = unmet(step);
  if(!why.empty())
    fail(why);
}

// What programs have brought about so far: deals of the account, and signals that they are done with.
static size_t progress() {
  std::lock_guard lock(it.mutex);
  return (it.broker.account ? it.broker.account->deals.size() : 0) + it.calls["mt5redis_acknowledge"];
}

// Like `expect`, but waits until it is met, as the library's threads need real time. Timers run meanwhile. While something
// moves it waits longer, but not for ever: programs may undo each other's work.
void Player::until(const Step &step) {
  const int most = 3;
  // What was given to a follower may be a day's trades. Other steps need more than 10 s only on a machine that stalls.
  int seconds = step.word == "followed" ? 60 : mql::mutant > 0 ? 10 : 30;
  ULONGLONG begin = GetTickCount64(), moved = begin;
  size_t before = progress();
  // On a busy machine little of the scenario's time passes in these seconds, and a program may wait for that.
  for(int rounds = 0;; rounds++) {
    std::string why = unmet(step);
    if(why.empty())
      return;
    ULONGLONG now = GetTickCount64();
    if(progress() != before && now < begin + 1000 * seconds * most) {
      before = progress();
      moved = now;
      rounds = 0;
    }
    if(now > moved + 1000 * seconds && rounds > 1000) {
      fail("not within " + std::to_string(seconds) + " s, and nothing moves: " + why);
      return;
    }
    Sleep(5);
    wait(20);
  }
}

// The account's open positions, volumes summed by symbol and side: `EURUSD buy 0.30, EURUSD sell 0.10`.
static std::string holdings() {
  std::map<std::string, double> sums;
  for(const books::Position &position : it.broker.account->positions)
    if(position.open)
      sums[position.symbol + (position.buy ? " buy " : " sell ")] += position.volume;
  std::string text;
  for(auto &[name, volume] : sums) {
    char lots[32];
    snprintf(lots, sizeof lots, "%.2f", volume);
    text += (text.empty() ? "" : ", ") + name + lots;
  }
  return text.empty() ? "nothing" : text;
}

// Why an expectation is not met; empty if it is.
std::string Player::unmet(const Step &step) {
  std::string why;
  if(step.word == "calls") {
    // Of the library, since the last time: `expect calls mt5redis_trade_state=2 mt5redis_signal=0`.
    std::lock_guard lock(it.mutex);
    for(auto &[name, wanted] : step.values()) {
      long long calls = it.calls[name] - counted_[name];
      if(std::to_string(calls) != wanted)
        why += name + " was called " + std::to_string(calls) + " times, not " + wanted + "; ";
    }
    if(why.empty() || step.verb == "expect")
      counted_ = it.calls;
  } else if(step.word == "argument") {
    // The last argument of the last call: `expect argument mt5redis_close=200`.
    for(auto &[name, wanted] : step.values())
      if(std::to_string(it.arguments[name]) != wanted)
        why += name + " was called with " + std::to_string(it.arguments[name]) + ", not " + wanted + "; ";
  } else if(step.word == "printed" || step.word == "unprinted") {
    // Part of a line printed since the last `expect printed`.
    std::string sought = step.text("text");
    bool found = false;
    for(size_t at = printed_; at < it.printed.size() && !found; at++)
      if(it.printed[at].find(sought) != std::string::npos) {
        found = true;
        if(step.word == "printed")
          printed_ = at + 1;
      }
    if(found != (step.word == "printed"))
      why = (found ? "somebody printed: " : "nobody printed: ") + sought;
  } else if(step.word == "comment") {
    // Part of the comment on the chart, or no comment.
    std::lock_guard lock(it.mutex);
    std::string comment = program(step.text("program"))->comment, sought = step.text("text");
    if(sought.empty() ? !comment.empty() : comment.find(sought) == std::string::npos)
      why = "the chart says: " + comment;
  } else if(step.word == "variable") {
    auto found = it.variables.find(step.text("name"));
    bool there = found != it.variables.end();
    if(there == step.truth("absent", false) ||
       (there && std::abs(found->second - step.number("value", found->second)) > step.number("within")))
      why = "the global variable " + step.text("name") + " is not so";
  } else if(step.word == "positions") {
    long long count = 0;
    for(const books::Position &position : it.broker.account->positions)
      count += position.open && is_meant(position, step);
    if(count != step.whole("count", 1))
      why = std::to_string(count) + " open positions are " + step.rest;
  } else if(step.word == "holdings") {
    if(holdings() != step.text("text"))
      why = "the account holds " + holdings() + ", and must hold " + step.text("text");
  } else if(step.word == "followed") {
    if(!asked("FOLLOWED " + Json().put("follower", step.text("follower")).put("sources", step.text("sources")).str()))
      why = "signals of " + step.text("sources") + " are not acknowledged";
  } else if(step.word == "orders") {
    // Pending orders, by what is given of `price`, `limit`, `sl`, `tp`, `volume` and `expires`.
    auto same = [](double a, double b) { return std::abs(a - b) < 1e-9; };
    long long count = 0;
    for(const books::Order &order : it.broker.account->orders)
      count += same(step.number("price", order.price), order.price) && same(step.number("sl", order.stop_loss), order.stop_loss) &&
               same(step.number("limit", order.price_stop_limit), order.price_stop_limit) &&
               same(step.number("tp", order.take_profit), order.take_profit) &&
               same(step.number("volume", order.volume), order.volume) &&
               step.truth("expires", order.expires_ms > 0) == (order.expires_ms > 0);
    if(count != step.whole("count", 1))
      why = std::to_string(count) + " orders wait that are " + step.rest;
  } else if(step.word == "removed") {
    // `inputs=1`: removed because of its inputs.
    Attached *ended = program(step.text("program"));
    if(!ended->removed)
      why = step.text("program") + " still runs";
    else if(step.has("inputs") && step.truth("inputs", true) != (ended->init_result == api::INIT_PARAMETERS_INCORRECT))
      why = step.text("program") + " ended for another reason";
  } else if(step.word == "running") {
    if(program(step.text("program"))->removed)
      why = step.text("program") + " does not run";
  } else
    why = "unknown expectation " + step.word;
  return why;
}

}
