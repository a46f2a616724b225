// MQL5's strings, checked arrays and number formats, for the translated programs. The translator has checked all types.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

// Names of MQL5.
#undef SEEK_SET
#undef SEEK_CUR
#undef SEEK_END

namespace mql {

// A critical error, which ends a program: an index out of range, a division by zero.
struct CriticalError {
  std::string text;
};
[[noreturn]] void critical(const char *what, const char *file, int line);
[[noreturn]] inline void not_played(const char *function) {
  critical((std::string(function) + " is not played by the stand-in terminal").c_str(), "api.h", 0);
}

// A UTF-16 string; NULL differs from empty.
class String {
 public:
  String() = default;
  String(const char16_t *text) : text_(text), set_(true) {}
  String(std::u16string text) : text_(std::move(text)), set_(true) {}
  bool is_null() const { return !set_; }
  const std::u16string &text() const { return text_; }
  std::u16string &change() {
    set_ = true;
    return text_;
  }
  const char16_t *to_library() const { return set_ ? text_.c_str() : nullptr; }

 private:
  std::u16string text_;
  bool set_ = false;
};
inline String operator+(const String &a, const String &b) { return a.text() + b.text(); }
inline bool operator==(const String &a, const String &b) { return a.text() == b.text(); }
inline bool operator!=(const String &a, const String &b) { return a.text() != b.text(); }
inline bool operator<(const String &a, const String &b) { return a.text() < b.text(); }
inline bool operator>(const String &a, const String &b) { return a.text() > b.text(); }
inline bool operator<=(const String &a, const String &b) { return a.text() <= b.text(); }
inline bool operator>=(const String &a, const String &b) { return a.text() >= b.text(); }

std::string utf8(const String &text);
String from_utf8(const std::string &text);

// Becomes a garbage value, for variables that MQL5 does not initialise. A bool alternates, the same way in each run.
struct Spoiled {
  template <class T>
  operator T() const {
    static thread_local unsigned state = 1;
    T value{};
    if(sizeof(T) == 1)
      memset(&value, (state = state * 1664525 + 1013904223) >> 31, 1);
    else
      memset(&value, 0x5B, sizeof(T));
    return value;
  }
};
// Zeroes all numbers and unsets all strings. A struct with strings has its own mql_zero.
template <class T>
void zero(T &value) {
  if constexpr(requires { value.mql_zero(); })
    value.mql_zero();
  else if constexpr(std::is_trivially_copyable_v<T>)
    memset((void *)&value, 0, sizeof(T));
  else
    value = T();
}
template <class T>
T zeroed() {
  T value;
  zero(value);
  return value;
}
template <class T>
T unset() {
  if constexpr(std::is_arithmetic_v<T>)
    return Spoiled();
  else
    return T();
}

#define MQL_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline size_t checked(long long at, size_t size, const char *file, int line) {
  if(at < 0 || (unsigned long long)at >= size)
    critical("array out of range", file, line);
  return (size_t)at;
}

template <class T>
class Array {
 public:
  Array() = default;
  Array(std::initializer_list<T> values) : elements_(values) {}
  T &at(long long index, MQL_HERE) { return elements_[checked(index, elements_.size(), file, line)]; }
  std::vector<T> &elements() { return elements_; }

 private:
  std::vector<T> elements_;
};

template <class T, int size>
struct Fixed {
  T values[size];
  T &at(long long index, MQL_HERE) { return values[checked(index, size, file, line)]; }
  bool operator<(const Fixed &other) const { return values[0] < other.values[0]; }
};
// The number of values in an element of an array; more than one if it has several dimensions.
template <class T>
constexpr int singles = 1;
template <class T, int size>
constexpr int singles<Fixed<T, size>> = size * singles<T>;

// An array parameter, fixed or dynamic.
template <class T>
class View {
 public:
  View(Array<T> &array) : dynamic_(&array.elements()) {}
  template <int size>
  View(Fixed<T, size> &array) : fixed_(array.values), size_(size) {}
  // Reinterprets an array as one of another type of the same size.
  template <class Other>
  static View alike(View<Other> other) {
    static_assert(sizeof(T) == sizeof(Other));
    return (View &)other;
  }
  size_t size() const { return dynamic_ ? dynamic_->size() : size_; }
  T *data() const { return dynamic_ ? dynamic_->data() : fixed_; }
  bool resize(size_t size) const {
    if(dynamic_)
      dynamic_->resize(size, unset<T>());
    return dynamic_ != nullptr;
  }
  T &at(long long index, MQL_HERE) const { return data()[checked(index, size(), file, line)]; }

 private:
  std::vector<T> *dynamic_ = nullptr;
  T *fixed_ = nullptr;
  size_t size_ = 0;
};

// Keeps a returned value alive while it is passed by reference.
template <class T>
T &held(T &&value) {
  return value;
}

// text[at].
inline unsigned short character(const String &text, long long at, MQL_HERE) {
  return text.text()[checked(at, text.text().size(), file, line)];
}

template <class T>
T divided(T a, T b, MQL_HERE) {
  if(b == 0)
    critical("zero divide", file, line);
  return a / b;
}
template <class T>
T remainder(T a, T b, MQL_HERE) {
  if(b == 0)
    critical("zero divide", file, line);
  return a % b;
}

// Sizes and positions in a program's open file.
size_t read_bytes(int handle, void *bytes, size_t count);
size_t bytes_left(int handle);
size_t write_bytes(int handle, const void *bytes, size_t count);

String text(long long number);
String text(double number);
String text_of_time(long long seconds);
inline String text(const char *plain) { return from_utf8(plain); }
inline String text(bool truth) { return text(truth ? "true" : "false"); }
inline String text(int number) { return text((long long)number); }
inline String text(unsigned number) { return text((long long)number); }
inline String text(short number) { return text((long long)number); }
inline String text(signed char number) { return text((long long)number); }
inline String text(float number) { return text((double)number); }
inline String text(unsigned short number) { return text((long long)number); }
inline String text(unsigned char number) { return text((long long)number); }
String text(unsigned long long number);

// Converts a string to a number or bool, as far as it is one.
double number_of(const String &text);
template <class T>
T number(const String &text) {
  return std::is_same_v<T, bool> ? (T)(text == String(u"true") || number_of(text) != 0) : (T)number_of(text);
}

// A value for a format.
struct Argument {
  Argument(const String &value) : text(value) {}
  Argument(double value) : number(value) {}
  template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
  Argument(T value) : whole((long long)value) {}
  long long whole = 0;
  double number = 0;
  String text;
};

}
