// Plays a scenario: a text file with one step a line, `verb name=value ...`, and comments after `#`. README.md lists the
// steps. Failures are counted and printed with their lines.
#pragma once
#include "terminal.h"

namespace terminal {

// The words and values of one line.
class Step {
 public:
  explicit Step(const std::string &line);
  bool has(const std::string &name) const { return values_.contains(name); }
  std::string text(const std::string &name, const std::string &usual = "") const;
  double number(const std::string &name, double usual = 0) const;
  long long whole(const std::string &name, long long usual = 0) const;
  bool truth(const std::string &name, bool usual) const { return whole(name, usual) != 0; }
  const std::map<std::string, std::string> &values() const { return values_; }
  std::string verb, word, rest;  // the first two words without `=`, and all behind the verb

 private:
  std::map<std::string, std::string> values_;
};

// Whether a position matches the step's side, volume, price, sl, tp, magic, symbol and comment, as far as given.
bool is_meant(const books::Position &position, const Step &step);

class Player {
 public:
  // second: a terminal that stands by and takes over when the first one is killed
  Player(std::string redis, int resume, bool second) : redis_(std::move(redis)), skip_kills_(resume), second_(second) {}
  bool play(const std::string &path);

 private:
  bool is_ours(std::string &line) const;
  void step(const Step &step);
  void account(const Step &step);
  void symbol(const Step &step);
  void set(const Step &step);
  void forget_seen();
  void trade(const Step &step);
  void dealing(const Step &step);
  void order(const Step &step);
  void attach(const Step &step);
  void standby(const Step &step);
  void stand_by();
  void detach(const std::string &name, int reason);
  void wait(long long milliseconds);
  void wait_for_calm();
  void timed(const Step &step);
  bool pass(long long most_us, bool eager, const long long &ordered_us);
  void tick(const Step &step);
  void flush();
  void check(const Step &step);
  void others(const Step &step);
  bool asked(const std::string &question) const;
  void expect(const Step &step);
  void until(const Step &step);
  std::string unmet(const Step &step);
  void fail(const std::string &what);
  long long position(const Step &step, const std::string &name) const;
  books::Terms terms(const Step &step) const;
  bool running() const { return skip_kills_ == 0; }
  Attached *program(const std::string &name);
  std::string input(const std::string &value) const;
  std::string json() const;

  std::string redis_;
  int skip_kills_, failures_ = 0;
  bool second_, has_second_ = false, cut_ = false;  // cut_: the link is cut
  std::map<std::string, long long> references_;  // identifiers of positions by their names in the scenario
  std::map<std::string, std::vector<std::string>> signals_;  // expected, by instance
  std::map<std::string, std::vector<std::string>> reports_;  // the same
  std::vector<std::string> stored_;                          // what the next check must find
  std::map<std::string, long long> counted_;
  size_t printed_ = 0;
  int asked_ = 0, directed_ = 0;  // the level that the scenario asks for, and the highest that may still be in effect
};

}
