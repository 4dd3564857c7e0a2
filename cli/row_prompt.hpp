// What a row of `generate` and `score` asks: "prompt", text as it stands, or "messages", a
// conversation that is written in a chat format up to where the assistant's answer begins.
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

// How conversations are written: the format named by --chat-format, without a system message that
// the row does not have, or else the model's own template. Nothing when no row is one. Throws
// std::runtime_error for a template of none of the known formats.
[[nodiscard]] std::optional<model::ChatTemplate> chat_template_for(const InputRows& input,
                                                                   const std::string& named,
                                                                   const model::ModelFiles& files);

// Token ids of a row's prompt: a text after the begin-of-text token where the model wants one, a
// conversation as its format has it. Throws std::runtime_error "FILE:LINE: ..." when it is empty,
// cannot be written in the format, or leaves no room for `reserve` tokens.
[[nodiscard]] std::vector<int32_t> encode_prompt(const EngineJob& job, const feedback::JsonRow& row,
                                                 int64_t reserve);

// Adds what ends the answer to a row: the model's end of text, and of a conversation the format's
// end of turn.
void add_stops(const EngineJob& job, const feedback::JsonRow& row, model::SamplingParams& sampling);

}  // namespace charter::cli
