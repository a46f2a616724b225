// MQL5's functions for strings, numbers and printing.
#include <cstdio>
#include "terminal.h"

namespace mql {

std::string utf8(const String &text) {
  std::string bytes;
  const std::u16string &units = text.text();
  for(size_t at = 0; at < units.size(); at++) {
    unsigned code = units[at];
    if(code >= 0xD800 && code < 0xDC00 && at + 1 < units.size())
      code = 0x10000 + ((code - 0xD800) << 10) + (units[++at] - 0xDC00);
    if(code < 0x80)
      bytes += (char)code;
    else if(code < 0x800)
      bytes += {(char)(0xC0 | code >> 6), (char)(0x80 | (code & 63))};
    else if(code < 0x10000)
      bytes += {(char)(0xE0 | code >> 12), (char)(0x80 | (code >> 6 & 63)), (char)(0x80 | (code & 63))};
    else
      bytes += {(char)(0xF0 | code >> 18), (char)(0x80 | (code >> 12 & 63)), (char)(0x80 | (code >> 6 & 63)),
                (char)(0x80 | (code & 63))};
  }
  return bytes;
}

String from_utf8(const std::string &bytes) {
  std::u16string units;
  for(size_t at = 0; at < bytes.size(); at++) {
    unsigned char lead = (unsigned char)bytes[at];
    int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    unsigned code = more == 0 ? lead : lead & (0x3F >> more);
    for(int i = 0; i < more && at + 1 < bytes.size(); i++)
      code = code << 6 | ((unsigned char)bytes[++at] & 63);
    if(code < 0x10000)
      units += (char16_t)code;
    else
      units += {(char16_t)(0xD800 + ((code - 0x10000) >> 10)), (char16_t)(0xDC00 + (code & 0x3FF))};
  }
  return units;
}

String text(long long number) { return from_utf8(std::to_string(number)); }
String text(unsigned long long number) { return from_utf8(std::to_string(number)); }

String text(double number) {
  char buffer[64];
  for(int digits = 15; digits <= 17; digits++) {
    snprintf(buffer, sizeof buffer, "%.*g", digits, number);
    if(strtod(buffer, nullptr) == number)
      break;
  }
  std::string shortest = buffer;
  return from_utf8(shortest.find_first_of(".en") == std::string::npos ? shortest + ".0" : shortest);
}

double number_of(const String &text) { return strtod(utf8(text).c_str(), nullptr); }

String text_of_time(long long seconds) {
  time_t time = (time_t)seconds;
  char buffer[32];
  strftime(buffer, sizeof buffer, "%Y.%m.%d %H:%M:%S", gmtime(&time));
  return from_utf8(buffer);
}

}

namespace api {

static std::string joined(std::initializer_list<mql::String> values) {
  std::string line;
  for(const mql::String &value : values)
    line += mql::utf8(value);
  return line;
}

void Print(std::initializer_list<mql::String> values) { terminal::print(joined(values)); }
void Alert(std::initializer_list<mql::String> values) { terminal::print("Alert: " + joined(values)); }
void Comment(std::initializer_list<mql::String> values) {
  std::lock_guard lock(terminal::it.mutex);
  terminal::self->comment = joined(values);
  terminal::print("Comment: " + terminal::self->comment);
}

// The translator has compared the format with the values.
mql::String StringFormat(const mql::String &format, std::initializer_list<mql::Argument> values) {
  std::string pattern = mql::utf8(format), result;
  auto value = values.begin();
  for(size_t at = 0; at < pattern.size(); at++) {
    if(pattern[at] != '%' || pattern[at + 1] == '%') {
      at += pattern[at] == '%';
      result += pattern[at];
      continue;
    }
    size_t end = pattern.find_first_of("dixXufFeEgGs", at);
    std::string shape = pattern.substr(at, end - at);
    if(size_t wide = shape.find("I64"); wide != std::string::npos)
      shape.erase(wide);
    char letter = pattern[end], buffer[512];
    if(letter == 's')
      snprintf(buffer, sizeof buffer, (shape + "s").c_str(), mql::utf8(value->text).c_str());
    else if(strchr("fFeEgG", letter))
      snprintf(buffer, sizeof buffer, (shape + letter).c_str(), value->number);
    else
      snprintf(buffer, sizeof buffer, (shape + "ll" + letter).c_str(), value->whole);
    result += buffer;
    value++;
    at = end;
  }
  return mql::from_utf8(result);
}

mql::String TimeToString(long long value, int mode) {
  std::string shape = mode & TIME_DATE ? "%Y.%m.%d" : "";
  if(mode & (TIME_MINUTES | TIME_SECONDS))
    shape += std::string(shape.empty() ? "" : " ") + (mode & TIME_SECONDS ? "%H:%M:%S" : "%H:%M");
  time_t time = (time_t)value;
  char buffer[32];
  strftime(buffer, sizeof buffer, shape.c_str(), gmtime(&time));
  return mql::from_utf8(buffer);
}

void PrintFormat(const mql::String &format, std::initializer_list<mql::Argument> values) {
  terminal::print(mql::utf8(StringFormat(format, values)));
}

mql::String DoubleToString(double value, int digits) {
  char buffer[400];
  snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return mql::from_utf8(buffer);
}

mql::String IntegerToString(long long number, int length, unsigned short fill) {
  std::u16string digits = mql::text(number).text();
  while((int)digits.size() < length)
    digits.insert(digits.begin(), (char16_t)fill);
  return digits;
}

int StringLen(mql::String text) { return (int)text.text().size(); }

int StringFind(mql::String text, mql::String sought, int start) {
  size_t at = text.text().find(sought.text(), (size_t)std::max(0, start));
  return at == std::u16string::npos ? -1 : (int)at;
}

mql::String StringSubstr(mql::String text, int start, int length) {
  if(start < 0 || start >= StringLen(text))
    return u"";
  return text.text().substr((size_t)start, length < 0 ? std::u16string::npos : (size_t)length);
}

int StringReplace(mql::String &text, mql::String sought, mql::String replacement) {
  if(sought.text().empty())
    return 0;
  int count = 0;
  std::u16string &changed = text.change();
  for(size_t at = 0; (at = changed.find(sought.text(), at)) != std::u16string::npos; count++) {
    changed.replace(at, sought.text().size(), replacement.text());
    at += replacement.text().size();
  }
  return count;
}

int StringSplit(mql::String text, unsigned short separator, mql::View<mql::String> parts) {
  size_t count = text.text().empty() ? 0 : 1;
  for(char16_t unit : text.text())
    count += unit == separator;
  if(!parts.resize(count))
    return -1;
  for(size_t from = 0, at = 0; at < count; at++) {
    size_t end = text.text().find((char16_t)separator, from);
    parts.at((long long)at) = text.text().substr(from, end - from);
    from = end + 1;
  }
  return (int)count;
}

unsigned short StringGetCharacter(mql::String text, int at) {
  return at < 0 || at >= StringLen(text) ? (unsigned short)0 : text.text()[(size_t)at];
}

bool StringSetCharacter(mql::String &text, int at, unsigned short unit) {
  if(at < 0 || at > StringLen(text))
    return false;
  if(at == StringLen(text))
    text.change() += (char16_t)unit;
  else
    text.change()[(size_t)at] = (char16_t)unit;
  return true;
}

// Up to the terminating zero, as the reference says of its default.
mql::String ShortArrayToString(mql::View<unsigned short> array, int start, int count) {
  std::u16string text;
  for(size_t at = (size_t)start; at < array.size() && (count < 0 || (int)text.size() < count); at++) {
    if(array.at((long long)at) == 0)
      break;
    text += (char16_t)array.at((long long)at);
  }
  return text;
}

// Non-ASCII characters become question marks: the code page of Windows is unknown here.
static std::string in_page(const mql::String &text, unsigned page) {
  std::string bytes = mql::utf8(text);
  if(page != CP_UTF8)
    for(char &byte : bytes)
      byte = byte < 0 ? '?' : byte;
  return bytes;
}

int StringToCharArray(mql::String text, mql::View<unsigned char> array, int start, int count, unsigned page) {
  std::string bytes = in_page(text, page);
  bytes += '\0';
  if(count >= 0)
    bytes.resize(std::min(bytes.size(), (size_t)count));
  if(array.size() < (size_t)start + bytes.size() && !array.resize((size_t)start + bytes.size()))
    bytes.resize(array.size() - (size_t)start);
  memcpy(array.data() + start, bytes.data(), bytes.size());
  return (int)bytes.size();
}

mql::String CharArrayToString(mql::View<unsigned char> array, int start, int count, unsigned page) {
  std::string bytes;
  for(size_t at = (size_t)start; at < array.size() && (count < 0 || (int)bytes.size() < count); at++) {
    if(array.at((long long)at) == 0)
      break;
    bytes += (char)array.at((long long)at);
  }
  return mql::from_utf8(in_page(mql::from_utf8(bytes), page));
}

long long StringToInteger(mql::String text) { return strtoll(mql::utf8(text).c_str(), nullptr, 10); }
double StringToDouble(mql::String text) { return strtod(mql::utf8(text).c_str(), nullptr); }

int StringTrimLeft(mql::String &text) {
  size_t count = std::min(text.text().find_first_not_of(u" \t\r\n"), text.text().size());
  text.change().erase(0, count);
  return (int)count;
}

int StringTrimRight(mql::String &text) {
  size_t keep = text.text().find_last_not_of(u" \t\r\n") + 1, count = text.text().size() - keep;
  text.change().erase(keep);
  return (int)count;
}

mql::String ShortToString(unsigned short unit) { return std::u16string(1, (char16_t)unit); }

double MathRound(double value) { return std::round(value); }
double MathFloor(double value) { return std::floor(value); }
double MathCeil(double value) { return std::ceil(value); }

double NormalizeDouble(double value, int digits) {
  double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

}
