// Programs on charts: their threads, their libraries, and the order in which events reach them.
#include <cstdio>
#include "terminal.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

namespace terminal {

Terminal it;
thread_local Attached *self = nullptr;

std::vector<mql::Program> &programs() {
  static std::vector<mql::Program> all;
  return all;
}

void print(const std::string &line) {
  std::lock_guard lock(it.mutex);
  std::string whole = (self ? self->name : "terminal") + std::string(": ") + line;
  it.printed.push_back(whole);
  printf("%s\n", whole.c_str());
}

void *library_function(const char16_t *library, const char *function) {
  std::string folder = self && self->second ? self->data_folder() + "\\MQL5\\Libraries" : it.library_folder;
  std::u16string path = mql::from_utf8(folder + "\\").text() + library;
  HMODULE module = LoadLibraryW((const wchar_t *)path.c_str());
  if(!module) {
    print("cannot load '" + mql::utf8(path) + "' [" + std::to_string(GetLastError()) + "]");
    return nullptr;
  }
  void *found = (void *)GetProcAddress(module, function);
  if(!found)
    print(std::string("cannot find '") + function + "'");
  return found;
}

void end_at_once(const std::string &where) {
  printf("KILLED %s\n", where.c_str());
  fflush(stdout);
  TerminateProcess(GetCurrentProcess(), 0);
  abort();
}

void note_what_was_seen() {
  if(!self->publishes)
    return;
  for(books::Position &position : it.broker.account->positions)
    if(auto found = self->looked.find(position.id); found != self->looked.end())
      position.seen_ticket = found->second;
  self->looked.clear();
}

Attached::Attached(const mql::Program &program, std::string symbol, std::map<std::string, std::string> inputs,
                   std::string name, bool second)
    : program(program), name(std::move(name)), second(second), symbol(std::move(symbol)), inputs(std::move(inputs)) {
  thread_ = std::thread([this] { run(); });
}

Attached::~Attached() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Attached::run() {
  self = this;
  program.create();
  std::unique_lock lock(mutex_);
  for(;;) {
    changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if(queue_.empty()) {
      program.destroy();
      for(auto &[handle, file] : open_files)
        file.flush();
      if(size_t left = made.objects.size())
        print(std::to_string(left) + " undeleted objects left");
      return;
    }
    std::function<void()> event = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    try {
      if(!removed)
        event();
    } catch(const mql::CriticalError &error) {
      print("critical error: " + error.text);
      removed = true;
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void Attached::call(std::function<void()> event) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(event));
    it.events++;
  }
  changed_.notify_all();
}

void Attached::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
}

std::string Attached::data_folder() const { return it.data_folder + (second ? "\\second" : ""); }

bool Attached::start() {
  call([this] {
    if(!load())
      return;
    program.set_inputs();
    if(program.OnInit && (init_result = program.OnInit()) != api::INIT_SUCCEEDED) {
      if(program.OnDeinit)
        program.OnDeinit(api::REASON_INITFAILED);
      removed = true;
    }
    if(program.OnStart)
      program.OnStart();
  });
  wait();
  return !removed;
}

bool Attached::load() {
  for(int at = 0; program.imports[at].library; at++) {
    // A program whose library is missing or not allowed does not start.
    void *found = it.dlls_allowed ? library_function(program.imports[at].library, program.imports[at].function) : nullptr;
    if(!found) {
      print(std::string(program.name) + " is not started: " + (it.dlls_allowed ? "no function" : "DLL is not allowed"));
      removed = true;
      return false;
    }
    program.library_functions()[at] = found;
  }
  return true;
}

void Attached::stop(int reason) {
  call([this, reason] {
    stopped = true;
    if(program.OnDeinit)
      program.OnDeinit(reason);
    timer_ms = 0;
  });
  wait();
}

void Attached::restart(int reason) {
  stop(reason);
  stopped = false;
  start();
}

}

namespace mql {

int mutant = 0;

Made &made_here() { return terminal::self->made; }

Registration::Registration(const Program &program) { terminal::programs().push_back(program); }

const std::string *given_input(const char *name) {
  auto found = terminal::self->inputs.find(name);
  return found == terminal::self->inputs.end() ? nullptr : &found->second;
}

void may_crash(const std::string &effect) {
  std::lock_guard lock(terminal::it.mutex);
  if(terminal::it.crash_in > 0 && --terminal::it.crash_in == 0)
    terminal::end_at_once("at " + effect);
}

void called(const char *function, long long result, long long argument) {
  // What outlives the process, beside what is written to a file.
  static const std::set<std::string> effects = {"mt5redis_signal", "mt5redis_acknowledge", "OrderSent"};
  std::lock_guard lock(terminal::it.mutex);
  std::string name = function;
  if(effects.contains(name))
    may_crash(name);
  terminal::it.calls[name]++;
  terminal::it.arguments[name] = argument;
  if(name == terminal::it.fatal && !terminal::self->second && --terminal::it.fatal_calls == 0)
    terminal::end_at_once("at " + name);
  if(name == "mt5redis_open" && result > 0 && !terminal::self->second)
    terminal::it.handles.insert(result);
  if(name == "mt5redis_trade_state" || name == "mt5redis_open_positions") {
    terminal::self->publishes = true;
    terminal::note_what_was_seen();
  }
}

void critical(const char *what, const char *file, int line) {
  throw CriticalError{std::string(what) + " in " + file + ":" + std::to_string(line)};
}

}
