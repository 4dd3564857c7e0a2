// What the engine refuses at the door: std::invalid_argument with the field, what it holds and what
// was expected.
#pragma once
#include "model/engine.hpp"

namespace charter::model {

void check_request(const GenerationRequest& request, int64_t vocab, int64_t max_context,
                   bool has_tokenizer);

// Returns the options, in range for the model.
[[nodiscard]] EngineOptions checked(EngineOptions options, const ModelConfig& config);

}  // namespace charter::model
