// MQL5's functions for the terminal, the program, clocks, timers and global variables.
#include <chrono>
#include <fstream>
#include "terminal.h"

using terminal::it;
using terminal::self;
using Lock = std::lock_guard<std::recursive_mutex>;

namespace api {

int TerminalInfoInteger(int property) {
  Lock lock(it.mutex);
  switch(property) {
    case TERMINAL_BUILD: return it.build;
    case TERMINAL_CONNECTED: return it.connected;
    case TERMINAL_DLLS_ALLOWED: return it.dlls_allowed;
    case TERMINAL_TRADE_ALLOWED: return it.trade_allowed;
    case TERMINAL_X64: return it.x64;
    case TERMINAL_PING_LAST: return it.ping_us;
    case TERMINAL_VPS: return it.vps;
  }
  return 0;
}

mql::String TerminalInfoString(int property) {
  switch(property) {
    case TERMINAL_DATA_PATH: return mql::from_utf8(self->data_folder());
    case TERMINAL_PATH: return mql::from_utf8(self->data_folder());
    case TERMINAL_NAME: return u"MetaTrader 5";
    case TERMINAL_COMPANY: return u"MetaQuotes Ltd.";
  }
  return mql::String();
}

int MQLInfoInteger(int property) {
  switch(property) {
    case MQL_TESTER: return it.tester;
    case MQL_TRADE_ALLOWED: return it.expert_trade;
    case MQL_DLLS_ALLOWED: return it.dlls_allowed;
  }
  return 0;
}

mql::String MQLInfoString(int property) {
  std::string name = self->program.name;
  if(property == MQL_PROGRAM_NAME)
    return mql::from_utf8(name);
  return mql::from_utf8(self->data_folder() + "\\MQL5\\Programs\\" + name + ".ex5");
}

int GetLastError() { return self->last_error; }
void ResetLastError() { self->last_error = 0; }
bool IsStopped() { return self->stopped; }
void ExpertRemove() { self->removed = true; }

bool EventSetMillisecondTimer(int milliseconds) {
  Lock lock(it.mutex);
  if(milliseconds <= 0 || it.timers_fail)
    return false;
  self->timer_ms = milliseconds;
  self->next_timer_ms = it.clock_ms + milliseconds;
  return true;
}
bool EventSetTimer(int seconds) { return EventSetMillisecondTimer(seconds * 1000); }
void EventKillTimer() { self->timer_ms = 0; }

// All clocks stand still between two steps of a scenario, except GetMicrosecondCount.
long long TimeGMT() { return it.clock_ms / 1000; }
long long TimeTradeServer() { return it.server_ms() / 1000; }
long long TimeCurrent() { return it.tick_ms / 1000; }
unsigned long long GetTickCount64() { return (unsigned long long)it.clock_ms; }
void Sleep(int milliseconds) { it.clock_ms += milliseconds; }
unsigned long long GetMicrosecondCount() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return (unsigned long long)std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

double GlobalVariableGet(mql::String name) {
  double value = 0;
  GlobalVariableGet(name, value);
  return value;
}

bool GlobalVariableGet(mql::String name, double &value) {
  Lock lock(it.mutex);
  auto found = it.variables.find(mql::utf8(name));
  if(found == it.variables.end()) {
    self->last_error = ERR_GLOBALVARIABLE_NOT_FOUND;
    return false;
  }
  value = found->second;
  return true;
}

// A name has at most 63 characters.
long long GlobalVariableSet(mql::String name, double value) {
  Lock lock(it.mutex);
  if(name.text().empty() || name.text().size() > 63)
    return 0;
  it.variables[mql::utf8(name)] = value;
  return TimeTradeServer();
}

bool GlobalVariableCheck(mql::String name) {
  Lock lock(it.mutex);
  return it.variables.contains(mql::utf8(name));
}

bool GlobalVariableDel(mql::String name) {
  Lock lock(it.mutex);
  it.temporary.erase(mql::utf8(name));
  return it.variables.erase(mql::utf8(name)) > 0;
}

bool GlobalVariableTemp(mql::String name) {
  Lock lock(it.mutex);
  if(name.text().empty() || name.text().size() > 63 || GlobalVariableCheck(name))
    return false;
  it.variables[mql::utf8(name)] = 0;
  it.temporary.insert(mql::utf8(name));
  return true;
}

bool GlobalVariableSetOnCondition(mql::String name, double value, double wanted) {
  Lock lock(it.mutex);
  double now = 0;
  if(!GlobalVariableGet(name, now) || now != wanted)
    return false;
  it.variables[mql::utf8(name)] = value;
  return true;
}

// What survives when the terminal is killed.
void GlobalVariablesFlush() {
  Lock lock(it.mutex);
  std::ofstream file(it.data_folder + "\\variables.txt");
  file.precision(17);
  for(auto &[name, value] : it.variables)
    if(!it.temporary.contains(name))
      file << name << ' ' << value << '\n';
}

static bool has_file(const mql::String &path) { return it.files.contains(mql::utf8(path)); }
bool PlaySound(mql::String name) { return name.is_null() || (it.plays_sounds && has_file(name)); }

}
