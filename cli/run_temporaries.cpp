#include "cli/run_temporaries.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "actors/wiring.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

// What earlier processes of the run left under `base`.
void remove_earlier(const fs::path& base, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(base, ignored))
    if (entry.path().filename().string().starts_with(prefix)) fs::remove_all(entry.path(), ignored);
}

// A directory of its own name: what still cleans up after an earlier process does not meet it.
fs::path make_directory(const fs::path& base, const std::string& prefix) {
  std::string name = (base / (prefix + "-XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error(name + ": " + std::strerror(errno) +
                             "; expected a directory that can be made");
  return name;
}

// Whether every socket of the links can be made there: file systems differ, and a socket's path has
// at most 107 bytes.
bool takes_sockets(const fs::path& directory) {
  sockaddr_un address = {};
  const auto longest = actors::AddressBook{.ipc_directory = directory.string()}.longest_socket();
  if (longest.size() >= sizeof(address.sun_path)) return false;
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, longest.c_str(), sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool bound =
      fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (fd >= 0) ::close(fd);
  ::unlink(longest.c_str());
  return bound;
}

// TMPDIR's, where that is a directory, and /tmp: a path of the user's own may be long too.
std::vector<fs::path> temporary_directories() {
  std::error_code unusable;
  const auto own = fs::temp_directory_path(unusable);
  if (unusable || own == "/tmp") return {"/tmp"};
  return {own, "/tmp"};
}

// Tells a run from a copy of it, which has its id: neither removes what the other keeps. A run that
// was moved keeps its own.
std::string place_of(const fs::path& run) {
  struct stat directory = {};
  if (::stat(run.c_str(), &directory) != 0)
    throw std::runtime_error(run.string() + ": " + std::strerror(errno));
  char text[17];
  std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(directory.st_ino));
  return text;
}

std::string mebibytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

}  // namespace

std::string shortage(const SharedMemory& memory) {
  struct statvfs found = {};
  const auto name = memory.directory.string();
  if (::access(memory.directory.c_str(), W_OK) != 0 ||
      ::statvfs(memory.directory.c_str(), &found) != 0)
    return name + ": " + std::strerror(errno);
  const auto free = static_cast<int64_t>(found.f_bavail) * static_cast<int64_t>(found.f_frsize);
  const bool unlimited = found.f_blocks == 0;  // a tmpfs without a size
  if (unlimited || free >= memory.needed_bytes) return {};
  return name + " has " + mebibytes(free) + " free, the snapshots of rl take up to " +
         mebibytes(memory.needed_bytes);
}

RunTemporaries::RunTemporaries(const fs::path& run, const std::string& run_id,
                               const SharedMemory& memory) {
  const std::string prefix = "charter-" + run_id + "-" + place_of(run);
  remove_earlier(memory.directory, prefix);
  for (const auto& base : temporary_directories()) remove_earlier(base, prefix);
  for (const char* name : {"memory-", "links-"}) remove_earlier(run, name);
  try {
    make_snapshot_places(run, prefix, memory);
    make_socket_place(run, prefix);
    start_cleaner();
  } catch (...) {
    std::error_code ignored;
    for (const auto& path : made()) fs::remove_all(path, ignored);
    throw;
  }
}

void RunTemporaries::make_snapshot_places(const fs::path& run, const std::string& prefix,
                                          const SharedMemory& memory) {
  snapshots_.disk = make_directory(run, "memory");
  shortage_ = cli::shortage(memory);
  snapshots_.memory =
      shortage_.empty() ? make_directory(memory.directory, prefix) : snapshots_.disk;
}

void RunTemporaries::make_socket_place(const fs::path& run, const std::string& prefix) {
  sockets_ = make_directory(run, "links");
  if (takes_sockets(sockets_)) return;
  std::string tried = sockets_.string();
  for (const auto& base : temporary_directories()) {
    fs::remove(sockets_);
    sockets_ = make_directory(base, prefix);
    if (takes_sockets(sockets_)) return;
    tried += ", " + sockets_.string();
  }
  throw std::runtime_error(tried + ": no place for sockets; expected a directory that takes " +
                           "them, with a path of at most 56 bytes");
}

std::vector<fs::path> RunTemporaries::made() const {
  std::vector<fs::path> paths;
  for (const auto& path : {snapshots_.memory, snapshots_.disk, sockets_})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

RunTemporaries::~RunTemporaries() {
  std::error_code ignored;  // nobody could do anything about it
  for (const auto& path : made()) fs::remove_all(path, ignored);
  if (cleaner_ > 0) {
    ::kill(cleaner_, SIGKILL);
    ::waitpid(cleaner_, nullptr, 0);
  }
  if (alive_ >= 0) ::close(alive_);
}

void RunTemporaries::start_cleaner() {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  // Read returns when every process that holds the other end is gone, which the workers inherit.
  const char* script = "trap '' HUP INT TERM; read -r none; rm -rf -- \"$@\"";
  const std::string memory = snapshots_.memory.string(), disk = snapshots_.disk.string(),
                    sockets = sockets_.string();
  const char* argv[] = {"/bin/sh",      "-c",         script,          "charter-cleaner",
                        memory.c_str(), disk.c_str(), sockets.c_str(), nullptr};
  cleaner_ = ::fork();
  if (cleaner_ ==
      0) {            // only async-signal-safe calls until exec: other threads may have held locks
    ::setpgid(0, 0);  // a terminal's Ctrl-C is not for it
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execv(argv[0], const_cast<char* const*>(argv));
    ::_exit(127);
  }
  ::close(ends[0]);
  alive_ = ends[1];
}

}  // namespace charter::cli
