// MQL5's pointers: descriptors of objects, checked at each use. Objects belong to the program that made them, and so to
// its thread.
#pragma once
#include <map>
#include <utility>
#include "language.h"

namespace mql {

constexpr long long automatic = -1;  // the number of objects not made by `new`

// The live objects made by `new`, by number (never reused) and by address.
struct Made {
  std::map<long long, void *> objects;
  std::map<const void *, long long> numbers;
  long long last = 0;
};
Made &made_here();  // of the program that runs in this thread

template <class T>
class Pointer {
 public:
  Pointer() = default;
  Pointer(T *object, long long number) : object_(object), number_(number) {}
  template <class D>
  Pointer(const Pointer<D> &derived) : object_(derived.object_), number_(derived.number_) {}
  bool valid() const { return number_ == automatic || made_here().objects.contains(number_); }
  long long number() const { return number_; }
  bool dynamic() const { return number_ != automatic && valid(); }
  bool is(const Pointer &other) const { return object_ == other.object_ && number_ == other.number_; }
  T &object(MQL_HERE) const {
    if(!valid())
      critical("invalid pointer access", file, line);
    return *object_;
  }

 private:
  template <class>
  friend class Pointer;
  template <class D>
  friend void unmade(const Pointer<D> &pointer, const char *file, int line);
  T *object_ = nullptr;
  long long number_ = 0;
};

template <class T, class... A>
Pointer<T> made(A &&...arguments) {
  T *object = new T(std::forward<A>(arguments)...);
  made_here().objects[++made_here().last] = object;
  made_here().numbers[dynamic_cast<const void *>(object)] = made_here().last;
  return {object, made_here().last};
}

// `delete` ignores NULL; for an object not made by `new` it ends the program.
template <class T>
void unmade(const Pointer<T> &pointer, MQL_HERE) {
  if(pointer.number_ == 0)
    return;
  if(!pointer.dynamic())
    critical("delete invalid pointer", file, line);
  T *object = pointer.object_;
  made_here().numbers.erase(dynamic_cast<const void *>(object));
  made_here().objects.erase(pointer.number_);
  delete object;
}

template <class T>
Pointer<T> pointer_to(T &object) {
  auto found = made_here().numbers.find(dynamic_cast<const void *>(&object));
  return {&object, found == made_here().numbers.end() ? automatic : found->second};
}

// dynamic_cast to a derived class; NULL if the object is of another class.
template <class D, class T>
Pointer<D> found_as(const Pointer<T> &pointer) {
  D *object = pointer.valid() ? dynamic_cast<D *>(&pointer.object()) : nullptr;
  return object ? Pointer<D>(object, pointer.number()) : Pointer<D>();
}
// A cast to a derived class; if the object is of another class, the program ends.
template <class D, class T>
Pointer<D> narrowed(const Pointer<T> &pointer, MQL_HERE) {
  Pointer<D> found = found_as<D>(pointer);
  if(pointer.valid() && !found.valid())
    critical("incorrect casting of pointers", file, line);
  return found;
}

}
