// The interface between a translated program and the terminal.
#pragma once
#include "api.h"
#include "generic.h"

namespace mql {

struct Import {
  const char16_t *library;
  const char *function;
};

// A program: its imports, the place for their addresses, and its event handlers in the order of reference.tsv (null if
// it has none).
struct Program {
  const char *name;
  const Import *imports;
  void **(*library_functions)();  // of this thread
  void (*create)();  // its global variables, for this thread
  void (*destroy)();
  void (*set_inputs)();
  int (*OnInit)();
  void (*OnDeinit)(int reason);
  void (*OnStart)();
  void (*OnTick)();
  void (*OnTimer)();
  void (*OnTradeTransaction)(api::MqlTradeTransaction &transaction, api::MqlTradeRequest &request,
                             api::MqlTradeResult &result);
};

struct Registration {
  Registration(const Program &program);
};

// The active mutant; 0: none.
extern int mutant;

// Counts a call of the library; notes returned handles, and the last argument if it is a number.
void called(const char *function, long long result, long long argument = 0);
// An effect that outlives the process: `crash` may end it here. It comes before a file is written, and after anything else.
// So it never comes between the line that an order is about to be sent and the order: then nobody knows whether it was.
void may_crash(const std::string &effect);
template <class T>
T returned(const char *function, T result, long long argument) {
  called(function, (long long)result, argument);
  return result;
}

// The value that the scenario gave for an input; null if it gave none.
const std::string *given_input(const char *name);
template <class T>
void set_input(const char *name, T &input, T usual) {
  const std::string *given = given_input(name);
  if(!given)
    input = usual;
  else if constexpr(std::is_same_v<T, String>)
    input = from_utf8(*given);
  else if constexpr(std::is_floating_point_v<T>)
    input = (T)std::stod(*given);
  else
    input = (T)std::stoll(*given);
}

}
