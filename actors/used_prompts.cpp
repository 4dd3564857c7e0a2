#include "actors/used_prompts.hpp"

#include <nlohmann/json.hpp>

#include "actors/work.hpp"
#include "feedback/dataset_files.hpp"

namespace charter::actors {
namespace {

template <class Work, class Use>
void for_each(const store::Ledger& ledger, const char* stage, const Use& use) {
  ledger.for_each_work(stage, [&](const store::WorkRow& row) {
    use(nlohmann::json::parse(row.item.payload).get<Work>());
    return true;
  });
}

}  // namespace

void UsedPrompts::add(const std::string& prompt, bool held_out) {
  (held_out ? held_out_ : trained_).insert(feedback::normalized(prompt));
}

UsedPrompts UsedPrompts::of_prompts(const store::Ledger& ledger, const std::string& group) {
  UsedPrompts used;
  for (const char* stage : {"sl_generate", "label", "firewall", "rl", "eval_generate"})
    for_each<PromptWork>(ledger, stage, [&](const PromptWork& work) {
      if (work.group == group)
        used.add(work.prompt, std::string(stage) == "eval_generate" ||
                                  work.split == feedback::name(feedback::Split::kHeldOut));
    });
  return used;
}

UsedPrompts UsedPrompts::of_comparisons(const store::Ledger& ledger) {
  UsedPrompts used;
  for_each<ComparisonWork>(ledger, "pm_train", [&](const ComparisonWork& work) {
    if (work.purpose == "helpfulness") used.add(work.prompt, false);
  });
  for_each<ComparisonWork>(ledger, "pm_score", [&](const ComparisonWork& work) {
    if (work.purpose == "helpfulness") used.add(work.prompt, true);
  });
  for_each<ComparisonWork>(ledger, "judge_check", [&](const ComparisonWork& work) {
    if (work.purpose == "check_helpfulness") used.add(work.prompt, true);
  });
  return used;
}

bool UsedPrompts::allows(const feedback::Conversation& prompt, feedback::Split split) const {
  const auto& other = split == feedback::Split::kTrain ? held_out_ : trained_;
  return !other.contains(feedback::normalized(feedback::render(prompt)));
}

}  // namespace charter::actors
