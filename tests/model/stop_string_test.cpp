#include <gtest/gtest.h>

#include "model/tokenizer.hpp"
#include "tests/model/engine_fixture.hpp"

namespace charter::model {
namespace {

// Four tokens: the two bytes of "é" (C3 A9; in the stored alphabet they are "Ã" and "©"), "a", "b".
std::shared_ptr<const Tokenizer> four_tokens() {
  TokenizerSpec spec;
  spec.tokens = {"\u00C3", "\u00A9", "a", "b"};
  return std::make_shared<const Tokenizer>(std::move(spec));
}

Completion generate(std::vector<std::string> stop) {
  Engine engine(PackedModel::make(tiny_transformer({.vocab = 4})), four_tokens(), {},
                {.max_batch = 1, .max_context = 512});
  auto request = request_of(0, {2, 3, 2}, 200, 3.0);
  request.sampling.stop = std::move(stop);
  engine.submit(request);
  return run_all(engine).at(0);
}

TEST(StopString, IsFoundAcrossTokensAndCutFromTheText) {
  const Completion whole = generate({});
  for (const std::string stop : {"é", "ab", "ba"}) {
    const size_t at = whole.text.find(stop);
    ASSERT_NE(at, std::string::npos) << "the sample does not hold " << stop;
    const Completion c = generate({"never", stop});
    EXPECT_EQ(c.finish, FinishReason::kStopString);
    EXPECT_EQ(c.text, whole.text.substr(0, at));
    // The tokens are those sampled, to the one that completed the string.
    EXPECT_EQ(c.tokens, head_of(whole.tokens, c.tokens.size()));
    EXPECT_EQ(c.logprobs.size(), c.tokens.size());
    EXPECT_LT(c.tokens.size(), whole.tokens.size());
  }
}

TEST(StopString, ThatNeverComesLeavesTheTextWhole) {
  const Completion c = generate({"never"});
  EXPECT_EQ(c.finish, FinishReason::kLength);
  EXPECT_EQ(c.text, generate({}).text);
}

}  // namespace
}  // namespace charter::model
