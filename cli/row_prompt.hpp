// What a row of `generate` and `score` asks: "prompt", text as it stands, or "messages", a
// conversation that is written as the model's chat template has it up to where the assistant's
// answer begins; or, when its last message is the assistant's, to that message's end, from which
// the answer goes on.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cli/engine_job.hpp"

namespace charter::cli {

// Every row has exactly one of the two, not empty, and a conversation is one: roles and contents, a
// system message only first, a user's last. Throws std::runtime_error "FILE:LINE: ...": called
// before a model is read, which takes longer.
void require_prompts(const InputRows& input);

// How conversations are written: in the format named by --chat-format, or else by the model's own
// template. Nothing when no row is one. Throws std::runtime_error naming the model when it has no
// template, or one that does not parse.
[[nodiscard]] std::optional<ChatJob> chat_job(const InputRows& input, const std::string& named,
                                              const model::ModelFiles& files,
                                              const model::Tokenizer& tokenizer);

// Token ids of a row's prompt: a text after the begin-of-text token where the model wants one, a
// conversation as its template has it. Throws std::runtime_error "FILE:LINE: ..." when it is empty
// or the template raises.
[[nodiscard]] std::vector<int32_t> encode_prompt(const EngineJob& job,
                                                 const feedback::JsonRow& row);

// Why the context does not hold the prompt and `reserve` tokens more; "" when it does.
[[nodiscard]] std::string too_long(const EngineJob& job, const std::vector<int32_t>& prompt,
                                   int64_t reserve);

// What the row's continuation follows, behind its prompt.
[[nodiscard]] model::Before before_continuation(const EngineJob& job, const feedback::JsonRow& row,
                                                const std::vector<int32_t>& prompt);

// Adds what ends the answer to a row: the model's end of text, and of a conversation the template's
// end of turn.
void add_stops(const EngineJob& job, const feedback::JsonRow& row, model::SamplingParams& sampling);

}  // namespace charter::cli
