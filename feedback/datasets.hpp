// Data files of every kind the stages take, as common structs. The kind of a file is detected from
// its name and content. Every loader throws std::runtime_error with one line, "FILE:LINE: what was
// expected" (rows of a JSON array or of a table are named by the line they begin on), on a missing,
// empty, truncated or malformed file.
//
// Texts are read as transcript.hpp says, and a null is as an absent key. Rows that are well-formed
// and teach nothing are skipped and counted; a file of nothing else is refused.
//
// Splits: a file's own "split" key if it has one ("train"; "held_out", "test" or "validation");
// else by a hash of the id, or of the context where several rows share one, 10 % held out; always
// the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "feedback/conversation.hpp"
#include "feedback/skipped.hpp"

namespace charter::feedback {

enum class Split { kTrain, kHeldOut };

// Who made a label; the report never calls authored data human.
enum class LabelSource { kHuman, kAi, kAuthored };
[[nodiscard]] std::string_view name(LabelSource source);  // "human", "ai", "authored"
[[nodiscard]] std::string_view name(Split split);         // "train", "held_out"

struct PromptRow {
  std::string id;
  Conversation prompt;
  std::optional<std::string> reference;  // a known good answer
  std::string topic;                     // may be empty
  Split split = Split::kTrain;
};

struct ComparisonRow {
  std::string id;
  Conversation prompt;
  std::string chosen;
  std::string rejected;
  Split split = Split::kTrain;
  LabelSource source = LabelSource::kAuthored;
};

struct ScoredAnswer {
  std::string text;
  std::int64_t votes = 0;
  bool accepted = false;
};

struct PmpQuestion {
  std::string id;
  Conversation question;
  std::vector<ScoredAnswer> answers;  // at least 1
  Split split = Split::kTrain;
  LabelSource source = LabelSource::kAuthored;
};

template <class Row>
struct Loaded {
  std::vector<Row> rows;
  Skipped skipped;
};

// JSON rows {id, prompt, split, topic}, prompt a text or a list of messages; {messages} (up to the
// last turn of the user if it ends there, else the first); instruction JSON [{instruction, input,
// output}] (prompt = instruction, then "\n\n" + input); CSV with a column goal, forbidden_prompt,
// prompt or objective; .txt, one a line; rows of comparisons (the first human turn). Duplicates are
// skipped (compared without case and punctuation).
[[nodiscard]] Loaded<PromptRow> load_prompts(const std::filesystem::path& file);

// Several files as one, duplicates across files skipped too.
[[nodiscard]] Loaded<PromptRow> load_prompts(const std::vector<std::filesystem::path>& files);

// JSON rows {id, prompt, chosen, rejected, split} (authored), each of the three a text or a list of
// messages, where chosen and rejected are answers or whole conversations that begin with the
// prompt; without prompt, as in hh-rlhf, whole conversations alone (human; skipped where they do
// not share what was asked); PandaLM JSON (human: majority of annotators, split by context). Rows
// with equal or empty answers are skipped.
[[nodiscard]] Loaded<ComparisonRow> load_comparisons(const std::filesystem::path& file);

// JSON rows {id, question, answers: [{text, votes, accepted}], split} (authored) or a Stack
// Exchange Posts.xml (human; questions without answers are skipped; HTML becomes plain text).
[[nodiscard]] Loaded<PmpQuestion> load_pmp(const std::filesystem::path& file);

// Askell et al. 2021 (arXiv 2112.00861): round(log2(1 + votes)), +1 if accepted; -1 (before the
// accepted bonus) if votes < 0.
[[nodiscard]] std::int64_t pmp_score(const ScoredAnswer& answer);

// Pairs (better, worse) of indices of different answers with different scores, at most max_pairs,
// drawn without replacement by (seed, question id).
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> pmp_pairs(
    const PmpQuestion& question, std::size_t max_pairs = 10, std::uint64_t seed = 0);

// Held out for 1 key in 10, by hash.
[[nodiscard]] Split split_of(std::string_view key);

}  // namespace charter::feedback
