// The terminal's settings that a scenario changes, and what it does to the terminal's files.
#include <filesystem>
#include <fstream>
#include "player.h"

namespace terminal {

// Changes one byte of a file; a negative `at` counts from the end.
static void damage(const std::string &path, long long at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at, at < 0 ? std::ios::end : std::ios::beg);
  long long place = file.tellg();
  int byte = file.get();
  file.seekp(place);
  file.put((char)(byte ^ 1));
  if(!file)
    throw std::runtime_error("no such byte in " + path);
}

// Moves the trade server's clock forward to the next time of this weekday, such as "Fri 21:00".
static long long forward_to(const std::string &time) {
  static const std::string days = "SunMonTueWedThuFriSat";
  const long long minute = 60'000, day = 1440 * minute, week = 7 * day;
  size_t weekday = days.find(time.substr(0, 3));
  if(weekday == std::string::npos || time.size() != 9)
    throw std::runtime_error("no time like Fri 21:00: " + time);
  long long wanted = (long long)weekday / 3 * day + std::stoll(time.substr(4, 2)) * 60 * minute + std::stoll(time.substr(7)) * minute;
  long long now = (it.server_ms() + 4 * day) % week;  // 1970 began on a Thursday
  return (wanted - now + week) % week;
}

// The terminal's other settings.
void Player::set(const Step &step) {
  if(step.has("server_time"))
    it.offset_ms += forward_to(step.text("server_time"));
  it.clock_ms -= step.whole("behind_ms", 0);
  it.connected = step.truth("connected", it.connected);
  it.dlls_allowed = step.truth("dlls_allowed", it.dlls_allowed);
  it.trade_allowed = step.truth("trade_allowed", it.trade_allowed);
  it.expert_trade = step.truth("expert_trade", it.expert_trade);
  it.tester = step.truth("tester", it.tester);
  it.vps = step.truth("vps", it.vps);
  it.x64 = step.truth("x64", it.x64);
  it.disk_full = step.truth("disk_full", it.disk_full);
  it.deals_without_stops = step.truth("deals_without_stops", it.deals_without_stops);
  it.timers_fail = step.truth("timers_fail", it.timers_fail);
  it.averages_fail = step.truth("averages_fail", it.averages_fail);
  it.averages_ready = step.truth("averages_ready", it.averages_ready);
  it.plays_sounds = step.truth("plays_sounds", it.plays_sounds);
  it.ping_us = (int)step.whole("ping_us", it.ping_us);
  it.build = (int)step.whole("build", it.build);
  it.offset_ms = step.whole("offset_ms", it.offset_ms);
  it.positions_empty = step.truth("positions_empty", it.positions_empty);
  it.busy_tickets = (int)step.whole("busy_tickets", it.busy_tickets);
  it.wrong_totals = (int)step.whole("wrong_totals", it.wrong_totals);
  it.totals_asked = step.has("wrong_totals") ? 0 : it.totals_asked;
  it.failing_histories = (int)step.whole("failing_histories", it.failing_histories);
  if(step.has("positions_frozen")) {
    it.positions_frozen = false;
    it.frozen = it.shown();
    it.positions_frozen = step.truth("positions_frozen", false);
  }
  if(step.has("deals_hidden"))
    it.hidden_deals_from = step.truth("deals_hidden", false) ? it.broker.next_ticket : 0;
  if(step.has("file"))
    it.files.insert(step.text("file"));
  if(step.has("no_file"))
    it.files.erase(step.text("no_file"));
  if(step.has("cut")) {
    std::string path = it.data_folder + "\\MQL5\\Files\\" + step.text("cut");
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - (size_t)step.whole("by", 1));
  }
  if(step.has("erase"))
    std::filesystem::remove(it.data_folder + "\\MQL5\\Files\\" + step.text("erase"));
  if(step.has("copy"))
    std::filesystem::copy_file(it.data_folder + "\\MQL5\\Files\\" + step.text("copy"),
                               it.data_folder + "\\MQL5\\Files\\" + step.text("to"));
  if(step.has("damage"))
    damage(it.data_folder + "\\MQL5\\Files\\" + step.text("damage"), step.whole("at"));
  if(step.has("variable"))
    it.variables[step.text("variable")] = step.number("value");
}

}  // namespace terminal
