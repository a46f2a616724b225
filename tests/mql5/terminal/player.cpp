#include "player.h"
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include "dealing.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

namespace terminal {

Step::Step(const std::string &line) {
  std::istringstream words(line);
  std::string part;
  words >> verb;
  std::getline(words, rest);
  rest.erase(0, rest.find_first_not_of(' '));
  std::istringstream values(rest);
  while(values >> std::ws, values.peek() != EOF) {
    part.clear();
    bool quoted = false;
    for(int c; (c = values.peek()) != EOF && (quoted || c != ' ');) {
      values.get();
      if(c == '"')
        quoted = !quoted;
      else
        part += (char)c;
    }
    size_t at = part.find('=');
    if(at != std::string::npos)
      values_[part.substr(0, at)] = part.substr(at + 1);
    else if(word.empty())
      word = part;
  }
}

std::string Step::text(const std::string &name, const std::string &usual) const {
  auto found = values_.find(name);
  return found == values_.end() ? usual : found->second;
}
double Step::number(const std::string &name, double usual) const {
  return has(name) ? std::stod(values_.at(name)) : usual;
}
long long Step::whole(const std::string &name, long long usual) const {
  return has(name) ? std::stoll(values_.at(name)) : usual;
}

void Player::fail(const std::string &what) {
  failures_++;
  printf("FAILED %s:%d: %s\n", it.scenario.c_str(), it.line, what.c_str());
}

bool Player::play(const std::string &path) {
  it.scenario = path.substr(path.find_last_of("/\\") + 1);
  std::ifstream file(path);
  if(!file)
    fail("cannot be read");
  for(std::string line; std::getline(file, line);) {
    it.line++;
    if(!line.empty() && line.back() == '\r')
      line.pop_back();
    if(!is_ours(line))
      continue;
    Step next(line);
    if(next.verb.empty() || next.verb[0] == '#')
      continue;
    try {
      step(next);
      if(!running())
        repeat_requests(it.line);
      settle();
    } catch(const std::exception &error) {
      fail(error.what());
    }
  }
  if(getenv("MQL5_TERMINAL"))
    asked("TURN {\"scenario\":\"" + it.scenario + "\",\"line\":0,\"of\":\"\"}");
  it.programs.clear();
  fflush(stdout);
  return failures_ == 0;
}

// A line `@NAME ...` is for the terminal of this name. The others wait until it is done.
bool Player::is_ours(std::string &line) const {
  if(line.empty() || line[0] != '@')
    return true;
  size_t end = line.find(' ');
  const char *ours = getenv("MQL5_TERMINAL");
  std::string name = line.substr(1, end - 1);
  if(ours && name == ours) {
    line.erase(0, end + 1);
    return true;
  }
  if(running())
    asked("TURN {\"scenario\":\"" + it.scenario + "\",\"line\":" + std::to_string(it.line) + ",\"of\":\"" + name + "\"}");
  return false;
}

void Player::step(const Step &step) {
  const std::string &verb = step.verb;
  it.broker.server_ms = it.server_ms();
  if(verb == "account")
    account(step);
  else if(verb == "symbol")
    symbol(step);
  else if(verb == "terminal")
    set(step);
  else if(verb == "attach") {
    if(running())
      attach(step);
  } else if(verb == "standby")
    standby(step);
  else if(verb == "detach")
    detach(step.word, (int)step.whole("reason", api::REASON_REMOVE));
  else if(verb == "chart" || verb == "parameters") {
    if(Attached *attached = program(step.word)) {
      if(step.has("symbol"))
        attached->symbol = step.text("symbol");
      for(auto &[name, value] : step.values())
        attached->inputs[name] = input(value);
      attached->restart(verb == "chart" ? api::REASON_CHARTCHANGE : api::REASON_PARAMETERS);
    }
  } else if(verb == "wait")
    wait(step.has("ms") ? step.whole("ms") : std::stoll(step.word));
  else if(verb == "timed") {
    if(running())
      timed(step);
  } else if(verb == "tick")
    tick(step);
  else if(verb == "transactions") {
    static const std::set<std::string> known = {"documented", "reversed", "twice", "late", "lost"};
    if(!known.contains(step.word))
      throw std::runtime_error("unknown order of transactions: " + step.word);
    it.transactions = step.word;
  } else if(verb == "deliver") {
    std::string order = std::exchange(it.transactions, "documented");
    tell(std::exchange(it.late, {}));
    it.transactions = order;
    if(running())
      carry_out_late();
    it.waiting.clear();
  } else if(verb == "kill") {
    if(running()) {
      if(!it.fatal.empty())
        fail(it.fatal + " was not called often enough");
      end_at_once("");
    }
    if(second_ && skip_kills_ == 1)
      stand_by();
    skip_kills_--;
    it.answers.clear();
  } else if(verb == "fatal") {
    it.fatal = running() ? step.word : "";
    it.fatal_calls = (int)step.whole("call", 1);
  } else if(verb == "crash") {
    if(running())
      it.crash_in = std::stoi(step.word);
  } else if(verb == "published") {
    wait(step.word.empty() ? 1000 : std::stoll(step.word));
    if(running())
      flush();
  } else if(verb == "check") {
    if(running())
      check(step);
  } else if(verb == "expect") {
    if(running())
      expect(step);
  } else if(verb == "until") {
    if(running())
      until(step);
  } else if(verb == "signal") {
    // The fields of an expected signal, as on the wire and in order.
    std::string line = step.rest, name = step.text("po");
    if(name.starts_with('@'))
      line.replace(line.find(name), name.size(), std::to_string(position(step, name.substr(1))));
    signals_[step.text("instance")].push_back(line);
  } else if(verb == "report") {
    reports_[step.text("instance")].push_back(step.rest);
  } else if(verb == "stored") {
    if(running())
      stored_.push_back(step.rest);
  } else if(verb == "give" || verb == "redis" || verb == "link" || verb == "answers" || verb == "again") {
    if(verb == "link")
      cut_ = step.word == "cut";
    if(running())
      others(step);
  } else
    trade(step);
}

void Player::account(const Step &step) {
  std::string key = step.text("login") + "@" + step.text("server", "Demo-Server");
  books::Account &account = it.broker.accounts[key];
  account.login = step.whole("login");
  account.server = step.text("server", "Demo-Server");
  account.company = step.text("company", account.company);
  account.currency = step.text("currency", account.currency);
  account.kind = (int)step.whole("kind", account.kind);
  account.hedging = step.truth("hedging", account.hedging);
  account.trade_allowed = step.truth("trade_allowed", account.trade_allowed);
  account.expert_allowed = step.truth("expert_allowed", account.expert_allowed);
  account.leverage = (int)step.whole("leverage", account.leverage);
  account.balance = step.number("balance", account.balance);
  account.credit = step.number("credit", account.credit);
  account.margin = step.number("margin", account.margin);
  account.margin_level = step.number("margin_level", account.margin_level);
  bool change = it.broker.account && it.broker.account != &account;
  it.broker.account = &account;
  // The terminal restarts programs when the account changes; `silent=1`: they must notice by their timers.
  if(change)
    forget_seen();
  if(change && !step.has("silent"))
    for(auto &attached : it.programs)
      attached->restart(api::REASON_ACCOUNT);
}

void Player::symbol(const Step &step) {
  books::Symbol &symbol = it.broker.symbols[step.word];
  symbol.digits = (int)step.whole("digits", symbol.digits);
  symbol.bid = step.number("bid", symbol.bid);
  symbol.ask = step.number("ask", symbol.ask);
  symbol.contract = step.number("contract", symbol.contract);
  symbol.tick_size = step.number("tick_size", symbol.tick_size);
  symbol.volume_min = step.number("volume_min", symbol.volume_min);
  symbol.volume_max = step.number("volume_max", symbol.volume_max);
  symbol.volume_step = step.number("volume_step", symbol.volume_step);
  symbol.volume_limit = step.number("volume_limit", symbol.volume_limit);
  symbol.stops_level = (int)step.whole("stops_level", symbol.stops_level);
  symbol.freeze_level = (int)step.whole("freeze_level", symbol.freeze_level);
  symbol.filling = (int)step.whole("filling", symbol.filling);
  symbol.mode = (int)step.whole("mode", symbol.mode);
  symbol.execution = (int)step.whole("execution", symbol.execution);
  symbol.selected = step.truth("selected", symbol.selected);
  symbol.range = step.number("range", symbol.range);
  symbol.tick_value = step.number("tick_value", symbol.tick_value);
  symbol.base = step.text("base", symbol.base.empty() ? step.word.substr(0, 3) : symbol.base);
  symbol.profit = step.text("profit", symbol.profit.empty() && step.word.size() > 5 ? step.word.substr(3, 3) : symbol.profit);
}

// A restarted program does not know the ticket of a position that closes before its first look.
void Player::forget_seen() {
  for(auto &attached : it.programs)
    attached->looked.clear();
  for(auto &[name, account] : it.broker.accounts)
    for(books::Position &position : account.positions)
      if(position.open)
        position.seen_ticket = 0;
}

// The value of a program's input: `now+60` is the trade server's time in a minute.
std::string Player::input(const std::string &value) const {
  if(value.substr(0, 3) != "now")
    return value;
  return std::to_string(it.server_ms() / 1000 + (value.size() > 3 ? std::stoll(value.substr(3)) : 0));
}

Attached *Player::program(const std::string &name) {
  if(!running())
    return nullptr;
  for(auto &attached : it.programs)
    if(name == attached->name)
      return attached.get();
  throw std::runtime_error("no program " + name + " is attached");
}

void Player::attach(const Step &step) {
  for(const mql::Program &program : programs())
    if(step.word == program.name) {
      std::map<std::string, std::string> inputs = step.values();
      for(const char *ours : {"symbol", "as", "terminal", "link"})
        inputs.erase(ours);
      for(auto &[input_name, value] : inputs)
        value = input(value);
      inputs.insert({"InpRedis", step.has("link") ? getenv("MQL5_LINK") : redis_});
      it.programs.push_back(std::make_unique<Attached>(program, step.text("symbol", "EURUSD"), inputs,
                                                       step.text("as", program.name), step.whole("terminal", 1) == 2));
      it.programs.back()->start();
      return;
    }
  fail("there is no program " + step.word);
}

// `standby attach ...`: starts a second terminal, which takes over at the next kill.
void Player::standby(const Step &step) {
  Step theirs(step.rest);
  if(theirs.verb != "attach")
    throw std::runtime_error("a second terminal can only attach");
  if(running() && !has_second_ && !asked("STANDBY {}"))
    throw std::runtime_error("there is no second terminal");
  has_second_ = true;
  if(second_ && skip_kills_ == 1)
    attach(theirs);
}

// Stands by while the first terminal plays: repeats what that one executes, in real time.
void Player::stand_by() {
  ULONGLONG end = GetTickCount64() + 120000;
  for(std::string over = it.data_folder + "\\goes_on"; !std::filesystem::exists(over);) {
    if(GetTickCount64() > end)
      throw std::runtime_error("the first terminal does not end");
    Sleep(20);
    repeat_requests(it.line);
    wait(20);
  }
  repeat_requests(it.line);
}

void Player::detach(const std::string &name, int reason) {
  Attached *attached = program(name);
  if(!attached)
    return;
  attached->stop(reason);
  forget_seen();
  std::erase_if(it.programs, [=](auto &one) { return one.get() == attached; });
}

// Advances time; due timers of all programs run at the same time.
void Player::wait(long long milliseconds) {
  long long end = it.clock_ms + milliseconds;
  for(;;) {
    long long next = end;
    for(auto &attached : it.programs)
      if(attached->timer_ms > 0 && !attached->removed)
        next = std::min(next, attached->next_timer_ms);
    it.clock_ms = std::max(it.clock_ms, next);
    it.broker.server_ms = it.server_ms();
    bool any = false;
    wait_for_calm();
    for(auto &attached : it.programs)
      if(attached->timer_ms > 0 && !attached->removed && attached->next_timer_ms <= it.clock_ms) {
        any = true;
        attached->next_timer_ms = it.clock_ms + attached->timer_ms;
        attached->call([&one = *attached] {
          if(one.program.OnTimer)
            one.program.OnTimer();
        });
      }
    settle();
    if(!any && it.clock_ms >= end)
      return;
  }
}

void Player::tick(const Step &step) {
  symbol(step);
  it.tick_ms = it.server_ms();
  if(step.has("bar"))
    it.bar_time = step.whole("bar");
  for(int at = 0; at < 2; at++) {
    std::string which = at ? "slow" : "fast";
    if(step.has(which))
      it.averages[(int)step.whole(which + "_period", at ? 30 : 10)] = {step.number(which + "_before"), step.number(which)};
  }
  if(!running())
    return;
  for(auto &attached : it.programs)
    if(attached->symbol == step.word && attached->program.OnTick)
      attached->call([&one = *attached] { one.program.OnTick(); });
  settle();
}

}
