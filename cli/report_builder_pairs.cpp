#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "actors/work.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"

namespace charter::cli {
namespace {

using Names = std::pair<std::string, std::string>;  // of two snapshots, the earlier one first

// Order of training; snapshots of other names after the known ones.
size_t place(const std::string& snapshot) {
  constexpr std::array<std::string_view, 3> kOrder{"base", "sl_cai", "rl_cai"};
  return static_cast<size_t>(std::find(kOrder.begin(), kOrder.end(), snapshot) - kOrder.begin());
}

bool earlier(const std::string& a, const std::string& b) {
  return std::pair(place(a), a) < std::pair(place(b), b);
}

Names ordered(const std::string& a, const std::string& b) {
  return earlier(b, a) ? Names{b, a} : Names{a, b};
}

}  // namespace

std::vector<report::EvaluationPair> build_evaluation_pairs(const store::Ledger& ledger) {
  std::map<std::string, std::map<std::string, std::string>> answers;  // prompt, snapshot
  for_each_body<actors::ResponseRecord>(ledger, "eval_generate", "eval",
                                        [&](const actors::ResponseRecord& r, const auto&) {
                                          answers[r.prompt_id][r.snapshot] = r.response;
                                        });
  std::map<Names, report::EvaluationPair> pairs;
  for (const auto& [prompt, by_snapshot] : answers) {
    for (auto a = by_snapshot.begin(); a != by_snapshot.end(); ++a) {
      for (auto b = std::next(a); b != by_snapshot.end(); ++b) {
        auto& pair = pairs[ordered(a->first, b->first)];
        switch (actors::answer_pair(a->second, b->second)) {
          case actors::AnswerPair::kCompared:
            ++pair.unjudged;
            break;
          case actors::AnswerPair::kIdentical:
            ++pair.identical;
            break;
          case actors::AnswerPair::kEmpty:
            ++pair.empty;
            break;
        }
      }
    }
  }
  for_each_body<actors::PreferenceRecord>(
      ledger, "eval_judge", "judge", [&](const actors::PreferenceRecord& r, const auto&) {
        if (r.left.empty() || r.right.empty() || r.left == r.right) return;
        auto& pair = pairs[ordered(r.left, r.right)];
        ++pair.judged;
        pair.unjudged = std::max<int64_t>(0, pair.unjudged - 1);
      });
  std::vector<report::EvaluationPair> out;
  for (auto& [names, pair] : pairs) {
    pair.left = names.first, pair.right = names.second;
    out.push_back(std::move(pair));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.left == b.left ? earlier(a.right, b.right) : earlier(a.left, b.left);
  });
  return out;
}

}  // namespace charter::cli
