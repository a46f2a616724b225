// How long a copy takes: from a deal at the broker until a follower's OrderSend. Here time passes as it really does.
#include <chrono>
#include <cstdio>
#include <random>
#include "dealing.h"
#include "player.h"

namespace terminal {

static const long long LONGEST_US = 10'000'000;

long long now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Lets time pass until an order is sent, or for so long. eager: timers do not wait for their time.
bool Player::pass(long long most_us, bool eager, const long long &ordered_us) {
  long long start = now_us(), clock_ms = it.clock_ms;
  for(long long gone = 0; gone < most_us; gone = now_us() - start) {
    bool any = false;
    long long next_ms = 1'000;
    {
      std::lock_guard lock(it.mutex);
      it.clock_ms = clock_ms + gone / 1000;
      it.broker.server_ms = it.server_ms();
      if(ordered_us)
        break;
    }
    for(auto &attached : it.programs) {
      if(attached->timer_ms <= 0 || attached->removed)
        continue;
      next_ms = std::min(next_ms, attached->next_timer_ms - it.clock_ms);
      if(!eager && attached->next_timer_ms > it.clock_ms)
        continue;
      any = true;
      attached->next_timer_ms = it.clock_ms + attached->timer_ms;
      attached->call([&one = *attached] { one.program.OnTimer(); });
    }
    settle();
    // A sleep may last two milliseconds.
    if(!any && next_ms > 2)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::lock_guard lock(it.mutex);
  return ordered_us > 0;
}

// `timed COUNT [eager=1]`: opens and closes so many positions, and prints how long it took until each was ordered, in µs.
void Player::timed(const Step &step) {
  bool eager = step.truth("eager", false);
  std::mt19937 random(it.line);
  std::string name = "timed_" + std::to_string(it.line), line = eager ? "TIMED eager" : "TIMED timers";
  for(int round = 0; round < 2 * std::stoi(step.word); round++) {
    const long long never = 0;
    // No deal may always fall at the same moment between two timers.
    pass(5'000 + random() % 20'000, false, never);
    long long start = now_us();
    it.ordered_us = 0;
    trade(Step(round % 2 ? "close " + name + " price=1.1" : "open " + name + " side=buy volume=0.1 price=1.1"));
    if(!pass(LONGEST_US, eager, it.ordered_us))
      return fail("the follower sends no order");
    line += " " + std::to_string(it.ordered_us - start);
    settle();
  }
  printf("%s\n", line.c_str());
}

}
