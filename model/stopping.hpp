// When a request is done, and what is then handed out. Part of engine.
#pragma once
#include <optional>

#include "model/scheduler.hpp"

namespace charter::model {

// Why the sequence ends with its newest token, or nothing where it goes on.
[[nodiscard]] std::optional<FinishReason> finished(const Sequence& sequence, int64_t max_context);

// Takes the sequence's completion and finishes it, with its text where there is a tokenizer.
[[nodiscard]] Completion complete(Sequence& sequence, FinishReason reason,
                                  const Tokenizer* tokenizer);

}  // namespace charter::model
