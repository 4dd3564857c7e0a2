#include "actors/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace charter::actors {

namespace {

// The reading end of a pipe that holds `text` and has no writer. A pipe takes 4096 bytes at once.
int filled_pipe(std::string_view text) {
  int ends[2];
  if (text.size() > 4096)
    throw std::runtime_error("input of a process: " + std::to_string(text.size()) +
                             " bytes, expected at most 4096");
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  const bool written =
      ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(ends[1]);
  if (written) return ends[0];
  ::close(ends[0]);
  throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
}

// In the child. What has the number already was opened to be closed at exec.
void become(int fd, int number) {
  if (fd == number)
    ::fcntl(fd, F_SETFD, 0);
  else
    ::dup2(fd, number);
}

}  // namespace

pid_t start_process(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                    std::string_view input) {
  const int in = filled_pipe(input);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) {
    const int error = errno;
    ::close(in);
    throw std::runtime_error(log.string() + ": " + std::strerror(error) +
                             "; expected a writable log file");
  }
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {  // only async-signal-safe calls until exec: other threads may have held locks
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it died before the line above
    // A terminal's Ctrl-C goes to its whole foreground group, a scheduler's or an init system's
    // signal to every process of a job. Workers are told by the supervisor instead, who drains.
    ::setpgid(0, 0);
    become(in, STDIN_FILENO);
    for (const int number : {SIGINT, SIGHUP, SIGTERM}) ::signal(number, SIG_IGN);
    become(out, STDOUT_FILENO);
    become(out, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  const int error = errno;
  ::close(in);
  ::close(out);
  if (pid < 0)
    throw std::runtime_error(arguments.front() + ": cannot start: " + std::strerror(error));
  return pid;
}

std::string last_line(const std::filesystem::path& log, std::uintmax_t from) {
  constexpr std::uintmax_t kRead = 4096;
  constexpr size_t kLongest = 300;
  std::error_code none;
  const auto size = std::filesystem::file_size(log, none);
  if (none || size <= from) return {};
  std::ifstream in(log, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(std::max(from, size > kRead ? size - kRead : 0)));
  std::string line, last;
  while (std::getline(in, line)) {
    std::erase_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!line.empty()) last = line;
  }
  return last.substr(0, kLongest);
}

std::optional<std::string> ended(pid_t pid) {
  int status = 0;
  const pid_t got = ::waitpid(pid, &status, WNOHANG);
  if (got == 0) return std::nullopt;
  if (got < 0) return "gone";
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace charter::actors
