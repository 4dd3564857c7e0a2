#include <gtest/gtest.h>

#include "model/text_stream.hpp"
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

// Cancelled after any number of tokens: what waited for more of a stop string, or of a character,
// comes with the completion.
TEST(Stream, ACancelledRequestsDeltasAreItsText) {
  bool had_rest = false;
  for (int steps = 0; steps < 24; ++steps) {
    Engine engine(PackedModel::make(tiny_transformer({.vocab = 4})), four_tokens(), {},
                  {.max_batch = 1, .max_context = 512});
    auto request = request_of(0, {2, 3, 2}, 200, 3.0);
    request.sampling.stop = {"abababababab", "bbbbbbbbbbbb"};
    request.stream = true;
    engine.submit(request);
    std::string text;
    size_t tokens = 0;
    const auto take_deltas = [&] {
      for (const Delta& delta : engine.deltas()) {
        text += delta.text;
        tokens += delta.token >= 0 ? 1 : 0;
        had_rest = had_rest || (delta.token < 0 && !delta.text.empty());
      }
    };
    for (int i = 0; i < steps; ++i) {
      EXPECT_TRUE(engine.step().empty());
      take_deltas();
    }
    EXPECT_TRUE(engine.cancel(0));
    const auto done = engine.step();
    take_deltas();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].finish, FinishReason::kCancelled);
    EXPECT_EQ(done[0].text, text) << steps;
    EXPECT_EQ(done[0].tokens.size(), tokens);
    EXPECT_EQ(tokens, static_cast<size_t>(steps));
  }
  EXPECT_TRUE(had_rest);
}

// "a", "b" and a special token, which decodes to nothing.
std::shared_ptr<const Tokenizer> two_letters() {
  TokenizerSpec spec;
  spec.tokens = {"a", "b", "<s>"};
  spec.added = {{.id = 2, .text = "<s>"}};
  return std::make_shared<const Tokenizer>(std::move(spec));
}

TEST(TextStream, FindsAStopStringWhateverTokensLieInIt) {
  const auto tokenizer = two_letters();
  TextStream text(*tokenizer, {"never", "ab"});
  text.push(0);
  for (int i = 0; i < 100; ++i) text.push(2);
  EXPECT_FALSE(text.stopped());
  EXPECT_EQ(text.take(), "");
  text.push(1);
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.take(), "");
}

TEST(TextStream, DoesNotTakeHalfACharacterForOne) {
  const auto tokenizer = four_tokens();
  TextStream text(*tokenizer, {"\uFFFD"});  // what half a character decodes to
  text.push(0);
  EXPECT_FALSE(text.stopped());
  text.push(1);
  EXPECT_FALSE(text.stopped());
  EXPECT_EQ(text.take(), "é");
  text.push(1);  // never the first byte of one
  EXPECT_TRUE(text.stopped());
}

TEST(StopString, IsFoundBehindManyTokensWithoutText) {
  Transformer t = tiny_transformer({.tied = false, .vocab = 3});
  // Probabilities of e^3 : 1 : 1 for <s>, whatever came before: runs of about 10.
  t.head.weight.zero_();
  t.head.bias = at::tensor({0.0f, 0.0f, 3.0f});
  const auto run = [&](std::vector<std::string> stop) {
    Engine engine(PackedModel::make(t), two_letters(), {}, {.max_batch = 1, .max_context = 512});
    auto request = request_of(0, {0}, 400);
    request.sampling.stop = std::move(stop);
    engine.submit(request);
    return run_all(engine).at(0);
  };
  const Completion whole = run({}), cut = run({"ab"});
  const size_t at = whole.text.find("ab");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(cut.finish, FinishReason::kStopString);
  EXPECT_EQ(cut.text, whole.text.substr(0, at));
  // The token that completed it is the letter after those of the text and "a".
  size_t letters = 0, token = 0;
  for (; letters < at + 2; ++token) letters += whole.tokens[token] != 2 ? 1 : 0;
  EXPECT_EQ(cut.tokens.size(), token);
}

}  // namespace
}  // namespace charter::model
