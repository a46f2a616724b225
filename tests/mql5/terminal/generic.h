// The functions of MQL5 that take values of any type. reference.tsv lists them with `number`, `void &` or dots; a test
// compares the names.
#pragma once
#include <algorithm>
#include <type_traits>
#include "api.h"
#include "language.h"
#include "pointers.h"

namespace api {

void Print(std::initializer_list<mql::String> values);
void Alert(std::initializer_list<mql::String> values);
void Comment(std::initializer_list<mql::String> values);
void PrintFormat(const mql::String &format, std::initializer_list<mql::Argument> values);
mql::String StringFormat(const mql::String &format, std::initializer_list<mql::Argument> values);

template <class T>
int CheckPointer(const mql::Pointer<T> &pointer) {
  return pointer.dynamic() ? POINTER_DYNAMIC : pointer.valid() ? POINTER_AUTOMATIC : POINTER_INVALID;
}
template <class T>
mql::Pointer<T> GetPointer(T &object) {
  return mql::pointer_to(object);
}

template <class A>
int ArraySize(A &array) {
  constexpr int each = mql::singles<std::remove_cvref_t<decltype(array.at(0))>>;
  if constexpr(requires { array.elements(); })
    return (int)array.elements().size() * each;
  else if constexpr(requires { array.size(); })
    return (int)array.size() * each;
  else
    return (int)(sizeof(array.values) / sizeof(array.values[0])) * each;
}

template <class A>
int ArrayResize(A &array, int new_size, int) {
  return new_size >= 0 && mql::View(array).resize((size_t)new_size) ? new_size : -1;
}

template <class A>
void ArrayFree(A &array) {
  mql::View(array).resize(0);
}

template <class A>
bool ArraySort(A &array) {
  mql::View view(array);
  std::sort(view.data(), view.data() + view.size());
  return true;
}

// The index of the value, or of a neighbour if it is absent; -1 on an error.
template <class A, class T>
int ArrayBsearch(A &array, T value) {
  mql::View view(array);
  if(view.size() == 0)
    return -1;
  auto found = std::lower_bound(view.data(), view.data() + view.size(), value);
  return (int)std::min<long long>(found - view.data(), (long long)view.size() - 1);
}

template <class A>
unsigned FileReadArray(int file_handle, A &array, int start, int count) {
  mql::View view(array);
  constexpr size_t one = sizeof(*view.data());
  size_t wanted = count < 0 ? mql::bytes_left(file_handle) / one : (size_t)count;
  if(view.size() < (size_t)start + wanted && !view.resize((size_t)start + wanted))
    wanted = view.size() - (size_t)start;
  return (unsigned)(mql::read_bytes(file_handle, view.data() + start, wanted * one) / one);
}

template <class A>
unsigned FileWriteArray(int file_handle, A &array, int start, int count) {
  mql::View view(array);
  constexpr size_t one = sizeof(*view.data());
  size_t wanted = count < 0 ? view.size() - (size_t)start : (size_t)count;
  return (unsigned)(mql::write_bytes(file_handle, view.data() + start, wanted * one) / one);
}

template <class T>
void ZeroMemory(T &variable) {
  if constexpr(requires { mql::View(variable); }) {
    mql::View view(variable);
    for(size_t at = 0; at < view.size(); at++)
      ZeroMemory(view.data()[at]);
  } else {
    mql::zero(variable);
  }
}

template <class T>
T MathAbs(T value) {
  return value < 0 ? -value : value;
}
template <class T>
T MathMax(T value1, T value2) {
  return value1 < value2 ? value2 : value1;
}
template <class T>
T MathMin(T value1, T value2) {
  return value2 < value1 ? value2 : value1;
}

}
