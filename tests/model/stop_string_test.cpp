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

TEST(Stream, GivesEachTokenAndTheTextInPieces) {
  for (const auto& stop :
       std::vector<std::vector<std::string>>{{}, {"ba"}, {"é"}, {"never", "aab"}}) {
    Engine engine(PackedModel::make(tiny_transformer({.vocab = 4})), four_tokens(), {},
                  {.max_batch = 2, .max_context = 512});
    auto request = request_of(0, {2, 3, 2}, 200, 3.0);
    request.sampling.stop = stop;
    request.stream = true;
    engine.submit(request);
    request.id = 1;
    request.stream = false;
    engine.submit(request);
    std::string text;
    std::vector<int32_t> tokens;
    std::vector<float> logprobs;
    std::map<uint64_t, Completion> done;
    while (!engine.idle()) {
      for (Completion& c : engine.step()) done[c.id] = std::move(c);
      for (const Delta& delta : engine.deltas()) {
        EXPECT_EQ(delta.id, 0u);
        tokens.push_back(delta.token);
        logprobs.push_back(delta.logprob);
        text += delta.text;
        const size_t shown = text.size();
        for (const std::string& s : stop) {
          // Nothing that is shown is taken back, nor is it the beginning of a stop string that
          // came.
          EXPECT_EQ(text.find(s), std::string::npos) << shown;
        }
      }
    }
    EXPECT_EQ(text, done.at(0).text);
    EXPECT_EQ(tokens, done.at(0).tokens);
    EXPECT_EQ(logprobs, done.at(0).logprobs);
    EXPECT_EQ(done.at(1).text, done.at(0).text);
  }
}

}  // namespace
}  // namespace charter::model
