// The keys of a model's configuration: those that are computed with, by family, those that would
// change numbers and may only say that they do not, and those that change none. Any other is
// refused by name, since a model whose configuration asks for something we do not know would be
// computed wrongly and in silence.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/gguf.hpp"
#include "model/model_config.hpp"

namespace charter::model {

// config.json. A key that is null is as if absent, as to transformers. Throws std::runtime_error
// naming `source` and the key.
void check_hf_keys(const nlohmann::json& hf, ModelFamily family, const std::string& source);

// rope_scaling or rope_parameters; `source` names it too.
void check_rope_keys(const nlohmann::json& rope, const std::string& source);

// Metadata. llama.cpp computes with the keys of its architecture and of the tokenizer, so what
// other names say (general, quantize, ...) changes nothing. Throws std::runtime_error naming the
// file and the key.
void check_gguf_keys(const GgufFile& gguf, const std::string& architecture);

// Those of the tokenizer alone.
void check_gguf_vocabulary_keys(const GgufFile& gguf);

}  // namespace charter::model
