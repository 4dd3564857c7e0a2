// One rendering of a template: its bounds, and where its values are made.
#pragma once
#include <algorithm>
#include <ctime>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja/value.hpp"

namespace charter::model::jinja {

// A template comes with a model, from anywhere: what it may take before it is refused.
struct Limits {
  int64_t steps = 20'000'000;        // nodes evaluated, and elements that filters look at
  int64_t bytes = int64_t{1} << 26;  // of all values that are made, those let go of included
  int depth = 500;                   // of evaluations within each other, macros included
};

class Run {
 public:
  // now: what strftime_now tells; null: it is not defined. Must outlive the run.
  Run(const Limits& limits, const std::tm* now) : limits_(limits), now_(now) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void step(int64_t count = 1) {
    steps_ += std::min(count, limits_.steps);
    if (steps_ > limits_.steps) fail("more than " + std::to_string(limits_.steps) + " steps");
  }
  // Comparing two values, or one with each of `count`.
  void step_compare(const Value& a, const Value& b) { step(std::min(weight_of(a), weight_of(b))); }
  void step_compare(const Value& value, size_t count) {
    step(1 + static_cast<int64_t>(count) * std::min<int64_t>(weight_of(value), limits_.steps));
  }
  void charge(size_t bytes) {
    bytes_ += static_cast<int64_t>(bytes);
    if (bytes_ > limits_.bytes)
      fail("more than " + std::to_string(limits_.bytes) + " bytes of values");
  }
  void at(int line) { line_ = line; }
  // Throws InputError "chat template line N: why".
  [[noreturn]] void fail(const std::string& why) const;

  [[nodiscard]] Value text(Text text);
  [[nodiscard]] Value text(std::string_view bytes) {
    return text(Text{.bytes = std::string(bytes), .marks = {}});
  }
  // Of values that were charged already.
  [[nodiscard]] static Value built(Text text) {
    return std::make_shared<const Text>(std::move(text));
  }
  [[nodiscard]] Value list(std::vector<Value> items, List::Form form = List::Form::kList);
  [[nodiscard]] Value dict(std::vector<std::pair<Value, Value>> items);
  [[nodiscard]] Value iterator(std::vector<Value> items);
  [[nodiscard]] Namespace* make_namespace() { return &namespaces_.emplace_back(); }
  [[nodiscard]] static Value undefined(std::string why) {
    return Undefined{std::make_shared<const std::string>(std::move(why))};
  }

  // What a for or a filter goes through: elements, keys, characters; nothing of an undefined value.
  // An iterator is then at its end.
  [[nodiscard]] std::vector<Value> elements(const Value& value);

  // For an undefined value, the reason that it has; else "TYPE: why".
  [[noreturn]] void refuse(const Value& value, const std::string& why) const;

  [[nodiscard]] const std::tm* now() const { return now_; }
  [[nodiscard]] const Limits& limits() const { return limits_; }

 private:
  Limits limits_;
  const std::tm* now_;
  int64_t steps_ = 0, bytes_ = 0;
  int line_ = 1;
  std::deque<Namespace> namespaces_;
};

// A text that grows, charged as it does.
class Builder {
 public:
  explicit Builder(Run& run) : run_(&run) {}
  Builder& add(const Text& text) {
    run_->charge(text.bytes.size() + text.marks.size());
    append(text_, text);
    return *this;
  }
  Builder& add(std::string_view bytes, uint8_t mark = 0) {
    run_->charge(bytes.size());
    append(text_, bytes, mark);
    return *this;
  }
  [[nodiscard]] const Text& text() const { return text_; }
  [[nodiscard]] Value value() { return Run::built(std::move(text_)); }

 private:
  Run* run_;
  Text text_;
};

}  // namespace charter::model::jinja
