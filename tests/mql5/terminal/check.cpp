// Where a scenario compares: the books as JSON for whoever reads Redis, and what programs printed and called.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <thread>
#include "player.h"

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

static std::string json_of(const books::Account &account) {
  Json json;
  std::vector<std::string> positions;
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
  json.raw("positions", list(positions));
  return json.str();
}

std::string Player::json() const {
  std::vector<std::string> accounts, signals;
  for(auto &[name, account] : it.broker.accounts)
    accounts.push_back(json_of(account));
  for(auto &[instance, lines] : signals_)
    for(const std::string &line : lines)
      signals.push_back(Json().put("instance", instance).put("line", line).str());
  Json terminal;
  terminal.put("connected", it.connected).put("trade_allowed", it.trade_allowed).put("expert_trade", it.expert_trade);
  terminal.put("vps", it.vps).put("build", it.build).put("ping_us", it.ping_us).put("offset_s", it.offset_ms / 1000);
  terminal.put("now_ms", it.clock_ms);
  Json json;
  json.put("scenario", scenario_).put("line", line_).raw("terminal", terminal.str());
  json.raw("accounts", list(accounts)).raw("signals", list(signals));
  return json.str();
}

// Everything that was published is in Redis, and then whoever reads our output compares and answers.
// A machine that stalls raises the level, and programs send less. The scenario's hours pass in no time, so it
// waits for the real seconds after which the level falls.
void Player::wait_for_calm() {
  using Throttle = int (*)(long long handle);
  if(it.handles.empty())
    return;
  Throttle throttle = (Throttle)library_function(u"mt5_redis.dll", "mt5redis_throttle");
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool heard = true;
  for(long long handle : it.handles)
    heard = heard && throttle(handle) <= asked_;
  // A lower level than before is heard of by the next heartbeat only.
  if(heard)
    directed_ = asked_;
  for(long long handle : it.handles)
    while(throttle(handle) > directed_ && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

void Player::check(const Step &step) {
  using Flush = int (*)(long long handle, int timeout_ms);
  if(!it.handles.empty()) {
    Flush flush = (Flush)library_function(u"mt5_redis.dll", "mt5redis_flush");
    for(auto handle = it.handles.begin(); handle != it.handles.end();) {
      int result = flush(*handle, 10000);
      if(result == -9)
        fail("what was published does not reach Redis within 10 s");
      handle = result < 0 ? it.handles.erase(handle) : std::next(handle);
    }
  }
  std::string what = json();
  what.insert(what.size() - 1, ",\"step\":" + Json().put("rest", step.rest).str());
  printf("CHECK %s\n", what.c_str());
  fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  if(answer.substr(0, 4) != "good")
    fail("Redis differs from the books");
  asked_ = (int)step.whole("directive", asked_);
  directed_ = std::max(directed_, asked_);
}

void Player::expect(const Step &step) {
  if(step.word == "calls") {
    // Of the library, since the last time: `expect calls mt5redis_trade_state=2 mt5redis_signal=0`.
    std::lock_guard lock(it.mutex);
    for(auto &[name, wanted] : step.values()) {
      long long calls = it.calls[name] - counted_[name];
      if(std::to_string(calls) != wanted)
        fail(name + " was called " + std::to_string(calls) + " times, not " + wanted);
    }
    counted_ = it.calls;
  } else if(step.word == "printed" || step.word == "unprinted") {
    // A part of a line since the last `expect printed`.
    std::string sought = step.text("text");
    bool found = false;
    for(size_t at = printed_; at < it.printed.size() && !found; at++)
      if(it.printed[at].find(sought) != std::string::npos) {
        found = true;
        if(step.word == "printed")
          printed_ = at + 1;
      }
    if(found != (step.word == "printed"))
      fail((found ? "somebody printed: " : "nobody printed: ") + sought);
  } else if(step.word == "variable") {
    auto found = it.variables.find(step.text("name"));
    if(found == it.variables.end() || std::abs(found->second - step.number("value", found->second)) > step.number("within"))
      fail("the global variable " + step.text("name") + " is not so");
  } else if(step.word == "removed") {
    if(!program(step.text("program"))->removed)
      fail(step.text("program") + " still runs");
  } else if(step.word == "running") {
    if(program(step.text("program"))->removed)
      fail(step.text("program") + " does not run");
  } else
    fail("unknown expectation " + step.word);
}

}
