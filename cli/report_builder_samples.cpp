#include <map>

#include "actors/work.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "feedback/conversation.hpp"

namespace charter::cli {
namespace {

// One human turn without its marker; a longer conversation as the transcript it is.
std::string shown(const std::string& transcript) {
  if (!transcript.starts_with(feedback::kHumanMarker)) return transcript;
  const auto turns = feedback::parse(transcript);
  return turns.size() == 1 ? turns.front().text : std::string(feedback::trim(transcript));
}

constexpr size_t kEvalSamples = 2;  // of each group of prompts
constexpr size_t kChains = 3;

void add_eval_samples(const store::Ledger& ledger, const std::string& group,
                      std::vector<report::SampleAnswer>& samples) {
  std::vector<std::string> order;  // of prompts
  std::map<std::string, report::SampleAnswer> by_prompt;
  for_each_body<actors::ResponseRecord>(
      ledger, "eval_generate", "eval", [&](const actors::ResponseRecord& r, const auto&) {
        if (r.group != group) return;
        const auto [at, is_new] = by_prompt.try_emplace(r.prompt_id);
        if (is_new) {
          order.push_back(r.prompt_id);
          at->second.prompt = shown(r.prompt);
        }
        if (r.snapshot == "base") at->second.first_answer = r.response;
        if (r.snapshot == "sl_cai") at->second.sl_answer = r.response;
        if (r.snapshot == "rl_cai") at->second.rl_answer = r.response;
      });
  for (size_t i = 0; i < order.size() && i < kEvalSamples; ++i) {
    samples.push_back(by_prompt.at(order[i]));
  }
}

}  // namespace

std::vector<report::SampleAnswer> build_samples(const store::Ledger& ledger) {
  std::vector<report::SampleAnswer> samples;
  // The first of each: chosen before anyone saw the answers.
  add_eval_samples(ledger, "red_team", samples);
  add_eval_samples(ledger, "helpful", samples);
  size_t chains = 0;
  ledger.for_each_record("sl_generate", "sl_chain", [&](const store::RecordRow& row) {
    const auto chain =
        parse_body<actors::ChainRecord>(row.record.body, "sl_generate", row.record.work_id);
    report::SampleAnswer sample{.prompt = shown(chain.prompt), .first_answer = chain.response};
    for (const auto& round : chain.rounds) {
      sample.rounds.push_back({round.principle, round.critique, round.revision});
    }
    samples.push_back(std::move(sample));
    return ++chains < kChains;
  });
  return samples;
}

}  // namespace charter::cli
