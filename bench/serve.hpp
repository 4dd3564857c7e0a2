// How a bench program is driven: it loads, prints {"ready": true, "model": {sizes}}, then measures
// one run for each line on stdin.
//   {"run": K}      -> {"value": rate, "seconds": s, "peak_mb": m, ...parts}
//   {"check": true} -> {"numbers": [...]}: what the peers must find too, on run 0's work
// The peers (bench/peers/peer.py) speak the same lines; bench/peers/alternate.py asks both by
// turns.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace charter::bench {

struct Measured {
  double amount = 0, seconds = 0;       // their quotient is the run's rate
  std::map<std::string, double> parts;  // further figures, by name
};

struct Work {
  std::function<Measured(uint64_t run)> run;   // run >= 1
  std::function<std::vector<double>()> check;  // not timed; called once, before the first run
  std::map<std::string, int64_t> model;        // its sizes, under the names of a config.json
};

// Answers until stdin ends. "peak_mb" is the process's peak since its check, that is without
// loading.
void serve(const Work& work);

// Without a driver: `runs` runs, one line each, after one that does not count.
void print_runs(const Work& work, int runs);

// Seconds that `body` takes.
[[nodiscard]] double seconds_of(const std::function<void()>& body);

}  // namespace charter::bench
