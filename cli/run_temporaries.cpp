#include "cli/run_temporaries.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

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

// Whether a socket can be made there: file systems differ, and its path has at most 107 bytes.
bool takes_sockets(const fs::path& directory) {
  sockaddr_un address = {};
  const auto longest = (directory / "trajectory-63").string();
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

}  // namespace

RunTemporaries::RunTemporaries(const fs::path& run, const std::string& run_id) {
  const fs::path memory = "/dev/shm", temporary = fs::temp_directory_path();
  const std::string prefix = "charter-" + run_id;
  for (const auto& base : {memory, temporary}) remove_earlier(base, prefix);
  for (const char* name : {"memory-", "links-"}) remove_earlier(run, name);
  try {
    shared_memory_ = ::access(memory.c_str(), W_OK) == 0 ? make_directory(memory, prefix)
                                                         : make_directory(run, "memory");
    sockets_ = make_directory(run, "links");
    if (!takes_sockets(sockets_)) {
      fs::remove(sockets_);
      sockets_ = make_directory(temporary, prefix);
    }
    start_cleaner();
  } catch (...) {
    std::error_code ignored;
    for (const auto& path : {shared_memory_, sockets_})
      if (!path.empty()) fs::remove_all(path, ignored);
    throw;
  }
}

RunTemporaries::~RunTemporaries() {
  std::error_code ignored;  // nobody could do anything about it
  for (const auto& path : {shared_memory_, sockets_}) fs::remove_all(path, ignored);
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
  const std::string memory = shared_memory_.string(), sockets = sockets_.string();
  const char* argv[] = {"/bin/sh",       "-c",   script, "charter-cleaner", memory.c_str(),
                        sockets.c_str(), nullptr};
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
