#include "cli/format_check.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "feedback/critique.hpp"
#include "model/input_error.hpp"

namespace charter::cli {
namespace {

using feedback::Split;

const feedback::PromptRow* shortest(const std::vector<feedback::PromptRow>& rows) {
  const feedback::PromptRow* found = nullptr;
  size_t least = 0;
  for (const auto& row : rows) {
    if (row.split != Split::kTrain) continue;
    const size_t size = feedback::render(row.prompt).size();
    if (found && size >= least) continue;
    found = &row;
    least = size;
  }
  return found;
}

// What a chain takes of the context.
struct ChainFit {
  bool fits = true;
  int dropped = 0;      // examples left out
  std::string request;  // the one that does not fit
};

// max_prompt_tokens: 0 for no limit.
ChainFit run_chain(const actors::PolicyText& text, const config::RunConfig& c, const RunData& data,
                   const feedback::PromptRow& row, int64_t max_prompt_tokens) {
  feedback::CritiqueChain chain(
      row.prompt, &data.constitution, &data.critique_examples,
      {.rounds = 1,
       .seed = static_cast<uint64_t>(c.run.seed),
       .max_prompt_tokens = max_prompt_tokens,
       .max_fewshot_tokens = c.sl_generate.fewshot_max_tokens},
      [&text](std::string_view s) { return static_cast<int64_t>(text.plain(s).size()); });
  std::string answer;  // a token a word in most vocabularies
  for (int32_t i = 0; i < c.sl_generate.max_new_tokens; ++i) answer += i == 0 ? "word" : " word";
  ChainFit fit;
  while (const auto& request = chain.next()) {
    fit.dropped += request->dropped_examples;
    if (!request->fits) {
      fit.fits = false;
      fit.request = request->step == feedback::ChainStep::kRevision ? "revision" : "critique";
      return fit;
    }
    chain.accept(answer);
  }
  return fit;
}

// What a template puts around a prompt: markers, and perhaps a system message.
int64_t tokens_around(const actors::PolicyText& text) {
  constexpr int64_t kTurns = 64;  // the markers of further turns
  return static_cast<int64_t>(text.prompt("What is rain?").size()) + kTurns;
}

// Tokens of the prompt with those around it. A text has no more tokens than bytes: what is short
// anyway is not encoded.
bool too_long(const actors::PolicyText& text, const feedback::PromptRow& row, int64_t around,
              int64_t context) {
  if (static_cast<int64_t>(feedback::render(row.prompt).size()) + around < context) return false;
  return static_cast<int64_t>(text.prompt(row.prompt).size()) + 1 > context;
}

// Whether the cut could leave the same tokens of both answers: a token has a byte at least, so that
// they end in as many equal bytes as tokens are kept. What differs later is not encoded.
bool may_be_equal(const feedback::ComparisonRow& row, int64_t around, int64_t kept) {
  const auto& [a, b] = std::tie(row.chosen, row.rejected);
  const auto differs = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  return std::distance(a.rbegin(), differs.first) + around >= kept;
}

}  // namespace

void check_format(const actors::PolicyText& text) {
  const auto example = text.example("\n\nHuman: What is rain?", "Water.", 1 << 20);
  if (example.loss_from >= static_cast<int64_t>(example.tokens.size()))
    throw std::runtime_error("a conversation has no answer in this format");
}

void check_system_turns(const actors::PolicyText& text, const RunData& data) {
  const auto check = [&text](const char* key, const auto& rows) {
    const auto found = std::find_if(rows.begin(), rows.end(), [](const auto& row) {
      return row.prompt.front().role == feedback::Role::kSystem;
    });
    if (found == rows.end()) return;
    try {
      (void)text.prompt(found->prompt);
    } catch (const model::InputError& error) {
      throw std::runtime_error(
          std::string(key) + ": row '" + found->id +
          "': a system turn that the run's format does not take: " + error.what());
    }
  };
  check("data.red_team", data.red_team);
  check("data.helpful", data.helpful);
  check("data.helpfulness", data.helpfulness);
}

std::string check_chain(const actors::PolicyText& text, const config::RunConfig& c,
                        const RunData& data) {
  const auto* row = shortest(data.red_team);
  if (!row) return "";
  const int64_t limit = c.models.max_context - c.sl_generate.max_new_tokens;
  const auto fit = run_chain(text, c, data, *row, limit);
  if (!fit.fits)
    throw std::runtime_error(
        "models.max_context: " + std::to_string(c.models.max_context) + " tokens hold no " +
        fit.request +
        " of sl_generate.max_new_tokens = " + std::to_string(c.sl_generate.max_new_tokens) +
        " behind the shortest prompt of data.red_team, its answer and the request, expected more");
  const int dropped = fit.dropped - run_chain(text, c, data, *row, 0).dropped;
  if (dropped <= 0) return "";
  return "sl_generate.fewshot_max_tokens: " + std::to_string(dropped) +
         " examples of two requests are left out even beside the shortest prompt of data.red_team: "
         "models.max_context = " +
         std::to_string(c.models.max_context) + " has no room for them";
}

std::string check_equal_answers(const actors::PolicyText& text, const config::RunConfig& c,
                                const RunData& data) {
  const int64_t kept = c.pm_train.max_tokens, around = tokens_around(text);
  int64_t training = 0, equal = 0;
  for (const auto& row : data.helpfulness) {
    if (row.split != Split::kTrain) continue;
    ++training;
    if (!may_be_equal(row, around, kept)) continue;
    const auto prompt = feedback::render(row.prompt);
    const bool same = !equal_sides(text.example(prompt, row.chosen, kept),
                                   text.example(prompt, row.rejected, kept))
                           .empty();
    equal += static_cast<int64_t>(same);
  }
  if (equal == 0) return "";
  return "data.helpfulness: " + std::to_string(equal) + " of " + std::to_string(training) +
         " training pairs have equal answers once cut to pm_train.max_tokens = " +
         std::to_string(kept) + " and will be skipped";
}

std::vector<std::string> check_prompt_lengths(const actors::PolicyText& text,
                                              const config::RunConfig& c, const RunData& data) {
  struct File {
    const char* key;
    const std::vector<feedback::PromptRow>& rows;
  };
  std::vector<File> files{{"data.red_team", data.red_team}};
  if (c.sl_generate.helpful_prompts > 0 || c.rl.red_team_fraction < 1)
    files.push_back({"data.helpful", data.helpful});
  const int64_t around = tokens_around(text);
  std::vector<std::string> lines;
  for (const auto& [key, rows] : files) {
    int64_t training = 0, longer = 0;
    for (const auto& row : rows) {
      if (row.split != Split::kTrain) continue;
      ++training;
      longer += static_cast<int64_t>(too_long(text, row, around, c.models.max_context));
    }
    if (longer == 0) continue;
    const std::string what = std::to_string(longer) + " of " + std::to_string(training) +
                             " training prompts do not fit into models.max_context = " +
                             std::to_string(c.models.max_context) + " tokens";
    if (longer == training)
      throw std::runtime_error(std::string(key) + ": " + what +
                               ": nothing is left to train on, expected shorter ones or a larger "
                               "context");
    lines.push_back(std::string(key) + ": " + what + " and will be given up");
  }
  return lines;
}

}  // namespace charter::cli
