// MQL5's functions for files below MQL5\Files. Data is on the disk after FileFlush or FileClose; a terminal that is
// killed before loses it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include "terminal.h"

using terminal::it;
using terminal::self;
using Lock = std::lock_guard<std::recursive_mutex>;
namespace fs = std::filesystem;

static fs::path path_of(const mql::String &name) {
  return fs::path(self->data_folder() + "\\MQL5\\Files") / fs::path(name.text());
}

static terminal::File *file_of(int handle) {
  auto found = self->open_files.find(handle);
  return found == self->open_files.end() ? nullptr : &found->second;
}

static bool failed(int error) {
  self->last_error = error;
  return false;
}

// Whether a file can be opened: nobody else has it open, or all share it.
static bool in_use(const fs::path &path, int flags) {
  int shares = api::FILE_SHARE_READ | api::FILE_SHARE_WRITE;
  for(auto &attached : it.programs)
    for(auto &[handle, file] : attached->open_files)
      if(file.path == path.string() && ((flags & shares) == 0 || (file.flags & shares) == 0))
        return true;
  return false;
}

namespace terminal {

bool File::flush() {
  if(!changed)
    return true;
  if(it.disk_full)
    return false;
  std::ofstream(path, std::ios::binary) << bytes;
  changed = false;
  return true;
}

}

namespace mql {

size_t read_bytes(int handle, void *bytes, size_t count) {
  Lock lock(it.mutex);
  terminal::File *file = file_of(handle);
  if(!file || !(file->flags & api::FILE_READ))
    return 0;
  count = std::min(count, bytes_left(handle));
  memcpy(bytes, file->bytes.data() + file->at, count);
  file->at += count;
  return count;
}

size_t bytes_left(int handle) {
  Lock lock(it.mutex);
  terminal::File *file = file_of(handle);
  return file ? file->bytes.size() - std::min(file->at, file->bytes.size()) : 0;
}

size_t write_bytes(int handle, const void *bytes, size_t count) {
  Lock lock(it.mutex);
  terminal::File *file = file_of(handle);
  if(!file || !(file->flags & api::FILE_WRITE))
    return 0;
  file->bytes.resize(std::max(file->bytes.size(), file->at + count));
  memcpy(file->bytes.data() + file->at, bytes, count);
  file->at += count;
  file->changed = true;
  return count;
}

}

namespace api {

static int opened(const mql::String &name, int flags) {
  fs::path path = path_of(name);
  bool there = fs::exists(path);
  if(in_use(path, flags) || !(flags & (FILE_READ | FILE_WRITE)) || (!there && !(flags & FILE_WRITE))) {
    failed(ERR_CANNOT_OPEN_FILE);
    return INVALID_HANDLE;
  }
  terminal::File file;
  file.path = path.string();
  file.flags = flags;
  if(there && (flags & FILE_READ)) {
    std::ifstream whole(path, std::ios::binary);
    file.bytes.assign(std::istreambuf_iterator<char>(whole), {});
  } else {
    if(it.disk_full) {
      failed(ERR_CANNOT_OPEN_FILE);
      return INVALID_HANDLE;
    }
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary);
  }
  int handle = 1;
  while(self->open_files.contains(handle))
    handle++;
  self->open_files[handle] = file;
  return handle;
}

int FileOpen(mql::String name, int flags, short, unsigned) {
  Lock lock(it.mutex);
  int handle = opened(name, flags);
  mql::called("FileOpen", 0);
  return handle;
}

void FileFlush(int handle) {
  Lock lock(it.mutex);
  mql::may_crash("FileFlush");
  terminal::File *file = file_of(handle);
  if(!file || !file->flush())
    failed(ERR_FILE_WRITEERROR);
  mql::called("FileFlush", 0);
}

void FileClose(int handle) {
  Lock lock(it.mutex);
  if(terminal::File *file = file_of(handle))
    file->flush();
  self->open_files.erase(handle);
}

unsigned long long FileSize(int handle) {
  Lock lock(it.mutex);
  terminal::File *file = file_of(handle);
  return file ? file->bytes.size() : 0;
}

bool FileSeek(int handle, long long offset, int origin) {
  Lock lock(it.mutex);
  terminal::File *file = file_of(handle);
  if(!file)
    return false;
  long long from = origin == SEEK_SET ? 0 : origin == SEEK_CUR ? (long long)file->at : (long long)file->bytes.size();
  file->at = (size_t)std::max(0LL, from + offset);
  return true;
}

bool FileMove(mql::String from, int, mql::String to, int flags) {
  Lock lock(it.mutex);
  fs::path source = path_of(from), target = path_of(to);
  bool busy = in_use(source, 0) || in_use(target, 0) || (fs::exists(target) && !(flags & FILE_REWRITE));
  std::error_code error;
  if(!busy)
    fs::rename(source, target, error);
  mql::called("FileMove", 0);
  return (!busy && !error) || failed(ERR_CANNOT_OPEN_FILE);
}

bool FileDelete(mql::String name, int) {
  Lock lock(it.mutex);
  std::error_code error;
  return !in_use(path_of(name), 0) && fs::remove(path_of(name), error);
}

bool FileIsExist(mql::String name, int) {
  Lock lock(it.mutex);
  return it.files.contains(mql::utf8(u"\\Files\\" + name)) || fs::exists(path_of(name));
}

}
