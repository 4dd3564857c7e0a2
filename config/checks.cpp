#include "config/checks.hpp"

#include <algorithm>
#include <charconv>

#include "config/value_text.hpp"

namespace charter::config {
namespace {

// Tokens that a short prompt, the turn markers and the requests around an answer take at the least.
constexpr int64_t kPromptAllowance = 32;

// With room for the endings of the files beside the directory (".targets.json").
bool plain_file_name(const std::string& name) {
  constexpr size_t kLongest = 200;
  if (name.size() > kLongest) return false;
  if (name.empty() || name == "." || name == ".." || name.front() == '-') return false;
  return std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '/' || c == '\\' || c < 0x20 || c == 0x7f;
  });
}

// A name, an IPv4 address, or an IPv6 address in brackets, and a port. Whether the name resolves is
// asked where sockets are.
bool host_and_port(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const bool bracketed = address[0] == '[' && address[colon - 1] == ']';
  if (bracketed != (address.find(':') != colon)) return false;
  const char* begin = address.data() + colon + 1;
  const char* end = address.data() + address.size();
  int port = -1;
  const auto [stop, error] = std::from_chars(begin, end, port);
  return error == std::errc() && stop == end && port >= 0 && port <= 65535;
}

}  // namespace

void check_combinations(const RunConfig& c,
                        const std::function<std::string(const std::string&)>& where) {
  const auto need = [&where](bool holds, const std::string& key, const std::string& message) {
    if (!holds) throw ConfigError(where(key) + ": " + key + ": " + message);
  };
  need(plain_file_name(c.run.name), "run.name",
       "got " + value_text(brief(c.run.name)) +
           ", expected a plain file name of at most 200 bytes, without '/'");
  need(!c.run.root.empty(), "run.root", "is empty, expected a directory");
  need(host_and_port(c.metrics.address), "metrics.address",
       "got " + value_text(brief(c.metrics.address)) + ", expected host:port, port 0 to 65535");
  need(c.machine.transport != "inproc" || c.machine.placement == "single", "machine.transport",
       "\"inproc\" needs machine.placement = \"single\", got " + value_text(c.machine.placement));

  const int64_t context = c.models.max_context;
  const auto fits = [&](int64_t tokens, const std::string& key, const std::string& sum) {
    need(tokens <= context, key,
         sum + " = " + std::to_string(tokens) +
             " tokens, expected at most models.max_context = " + std::to_string(context));
  };
  const std::string prompt = " + " + std::to_string(kPromptAllowance) + " of prompt";
  // A revision is written after the answer and its critique.
  fits(3 * int64_t{c.sl_generate.max_new_tokens} + kPromptAllowance, "sl_generate.max_new_tokens",
       "answer + critique + revision" + prompt);
  fits(int64_t{c.rl.max_new_tokens} + kPromptAllowance, "rl.max_new_tokens", "response" + prompt);
  fits(int64_t{c.eval.max_new_tokens} + kPromptAllowance, "eval.max_new_tokens", "answer" + prompt);
  fits(c.sl_train.max_tokens, "sl_train.max_tokens", "conversation");
  fits(c.pm_train.max_tokens, "pm_train.max_tokens", "conversation");

  need(!c.rl.online_pm || c.rl.pair_fraction > 0, "rl.pair_fraction",
       "is 0, expected more with rl.online_pm = true: an online PM learns from those pairs");
  need(c.rl.minibatches <= c.rl.batch, "rl.minibatches",
       "got " + value_text(c.rl.minibatches) +
           ", expected at most rl.batch = " + value_text(c.rl.batch));
  const int64_t steps = int64_t{c.rl.updates} * c.rl.epochs * c.rl.minibatches;
  need(c.rl.warmup < steps, "rl.warmup",
       "got " + value_text(c.rl.warmup) + ", expected fewer than the " + std::to_string(steps) +
           " optimizer steps of rl.updates * rl.epochs * rl.minibatches");
}

}  // namespace charter::config
