#include "model/stopping.hpp"

#include <algorithm>
#include <span>
#include <string>

namespace charter::model {
namespace {

bool contains(const std::vector<int32_t>& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::optional<FinishReason> finished(const Sequence& s, int64_t max_context) {
  const Completion& c = s.completion;
  const GenerationRequest& r = s.request;
  if (c.tokens.empty()) return std::nullopt;
  if (!r.candidates.empty()) return FinishReason::kScored;
  if (!r.continuation.empty()) {
    if (c.tokens.size() < r.continuation.size()) return std::nullopt;
    return FinishReason::kScored;
  }
  if (contains(r.sampling.stop_tokens, c.tokens.back())) return FinishReason::kStopToken;
  if (s.text && s.text->stopped()) return FinishReason::kStopString;
  if (static_cast<int64_t>(c.tokens.size()) >= r.sampling.max_new_tokens)
    return FinishReason::kLength;
  if (static_cast<int64_t>(s.tokens.size()) >= max_context) return FinishReason::kContext;
  return std::nullopt;
}

Completion complete(Sequence& s, FinishReason reason, const Tokenizer* tokenizer) {
  Completion c = std::move(s.completion);
  c.id = s.request.id;
  c.finish = reason;
  c.prompt_tokens = s.prompt_size();
  if (tokenizer == nullptr) return c;
  std::span<const int32_t> text(c.tokens);
  if (reason == FinishReason::kStopToken) text = text.first(text.size() - 1);
  c.text = tokenizer->decode(text, true);
  size_t cut = c.text.size();
  for (const std::string& stop : s.request.sampling.stop) cut = std::min(cut, c.text.find(stop));
  c.text.resize(cut);
  return c;
}

}  // namespace charter::model
