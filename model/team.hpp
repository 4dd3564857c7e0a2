// A team of threads for one forward step. A step is some two hundred short phases; with OpenMP's
// passive waiting each parallel region would pay a sleep and a wake-up, so the team enters one
// region and meets at barriers that spin for a few microseconds before they sleep.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>

namespace charter::model {

class Team {
 public:
  // Runs body(team, member) on at most `threads` threads of LibTorch's pool, member 0 .. size()
  // - 1. Bodies must not throw and must call for_range the same number of times.
  static void run(int threads, const std::function<void(Team&, int)>& body);

  [[nodiscard]] int size() const { return size_; }

  // Splits [0, count) among the members in pieces of `grain` indices, whoever is free taking the
  // next; returns in every member when all pieces are done. Each member calls it with the same
  // arguments.
  template <typename Body>
  void for_range(int64_t count, int64_t grain, const Body& body) {
    for (;;) {
      const int64_t begin = next_.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) break;
      body(begin, begin + grain < count ? begin + grain : count);
    }
    barrier();
  }

  // The same for each index by itself, a few pieces to a member and none of them a sliver.
  template <typename Body>
  void for_each(int64_t count, const Body& body) {
    const int64_t grain = count / (size_ * 4);
    for_range(count, grain > 1 ? grain : 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    });
  }

 private:
  void barrier();

  int size_ = 1;
  alignas(64) std::atomic<int64_t> next_{0};  // first index of the phase nobody has taken
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
};

}  // namespace charter::model
