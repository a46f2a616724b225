// terminal.exe LIBRARIES DATA REDIS CLOCK RESUME[+] SCENARIO...: plays scenarios against the DLL in the folder
// LIBRARIES, with the terminal's data in the folder DATA. CLOCK is the start time, ms since 1970. RESUME is the number of
// kills so far: the broker's part of the scenario before them is repeated without programs. +: this is the second
// terminal, which stands by until the last of these kills. MQL5_BROKER is the folder that stores all terminals' requests.
// MQL5_TERMINAL is this terminal's name in a scenario that several play.
#include <cstdio>
#include <fstream>
#include "player.h"

int main(int count, char **arguments) {
  if(count < 7) {
    fprintf(stderr, "terminal.exe LIBRARIES DATA REDIS CLOCK RESUME SCENARIO...\n");
    return 2;
  }
  using terminal::it;
  it.library_folder = arguments[1];
  it.data_folder = arguments[2];
  std::ifstream variables(it.data_folder + "\\variables.txt");
  std::string name;
  for(double value; variables >> name >> value;)
    it.variables[name] = value;
  if(const char *number = getenv("MQL5_MUTANT"))
    mql::mutant = std::stoi(number);
  int failed = 0, resume = std::stoi(arguments[5]);
  bool second = std::string(arguments[5]).back() == '+';
  long long start = std::stoll(arguments[4]);
  for(int at = 6; at < count; at++) {
    static_cast<terminal::State &>(it) = terminal::State();
    it.clock_ms = start;
    it.tick_ms = start - 3 * 86'400'000;
    terminal::Player player(arguments[3], resume, second);
    failed += !player.play(arguments[at]);
    printf("played %s\n", arguments[at]);
    fflush(stdout);
  }
  return failed > 0;
}
