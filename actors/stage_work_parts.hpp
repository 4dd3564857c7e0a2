// Parts of stage_work: what makes the items of one phase, and what several of them share.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "actors/stage_work.hpp"
#include "actors/used_prompts.hpp"
#include "actors/work.hpp"
#include "feedback/counter_rng.hpp"
#include "feedback/datasets.hpp"

namespace charter::actors {

using Items = std::vector<store::WorkItem>;

struct Maker {
  const NodeContext& context;
  const store::Ledger& ledger;
  const Phase& phase;
  std::vector<std::string>* notes = nullptr;  // what was left out, where somebody wants to know

  [[nodiscard]] const config::RunConfig& config() const { return context.config; }
  [[nodiscard]] uint64_t seed() const { return static_cast<uint64_t>(config().run.seed); }

  // Seeded order of `rows`; salt tells one use of the same rows from another.
  template <class Row>
  void shuffle(std::vector<Row>& rows, uint64_t salt) const {
    for (size_t i = rows.size(); i > 1; --i)
      std::swap(rows[i - 1],
                rows[feedback::draw_index({.seed = seed(), .work_id = salt, .round = i}, i)]);
  }
  // Removes what the run has used on the other side of the split; key: of the data file.
  template <class Row>
  void drop_used(std::vector<Row>& rows, const UsedPrompts& used, feedback::Split split,
                 const char* key) const {
    const auto dropped =
        std::erase_if(rows, [&](const Row& row) { return !used.allows(row.prompt, split); });
    if (dropped == 0 || notes == nullptr) return;
    const bool train = split == feedback::Split::kTrain;
    notes->push_back(std::string(key) + ": " + std::to_string(dropped) +
                     (train ? " rows for training ask what was held out; "
                            : " held-out rows ask what was trained on; ") +
                     kLeftOut);
  }
  // Of one split, in seeded order.
  [[nodiscard]] std::vector<feedback::PromptRow> prompts(bool red_team, feedback::Split split,
                                                         uint64_t salt) const;
  [[nodiscard]] store::WorkItem item(std::string kind, std::string prompt_id, int64_t repeat,
                                     const nlohmann::json& payload) const;
};

[[nodiscard]] PromptWork prompt_work(const feedback::PromptRow& row, bool red_team);
// Both lists in turn, so that a phase cut short has done some of each.
[[nodiscard]] Items interleave(const Items& a, const Items& b);

// The phases that compare two answers.
[[nodiscard]] Items label_work(const Maker& make);
[[nodiscard]] Items judge_check_work(const Maker& make);
[[nodiscard]] Items pmp_work(const Maker& make);
[[nodiscard]] Items pm_train_work(const Maker& make);
[[nodiscard]] Items pm_score_work(const Maker& make);
[[nodiscard]] Items eval_judge_work(const Maker& make);

}  // namespace charter::actors
