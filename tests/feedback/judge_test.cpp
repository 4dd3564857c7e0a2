#include "feedback/judge.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "feedback/text_file.hpp"
#include "tests/feedback/scripted_judge.hpp"
#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

const FeedbackPrinciple kKinder{"kinder", "Which is kinder?", default_contrast()};
const ResponsePair kPair{42, single_turn("Hi"), "good", "bad"};
const ScriptedModel kModel{{{"good", 1.25}, {"bad", 0.5}}, 3.0};

Constitution two_principles() {
  Constitution c;
  c.feedback = {kKinder, {"wiser", "Which is wiser?", default_contrast()}};
  return c;
}
const Constitution kTwo = two_principles();
const std::vector<FeedbackExample> kExamples = {{single_turn("Q1"), "c1", "r1"},
                                                {single_turn("Q2"), "c2", "r2"}};

TEST(MultipleChoice, TheQuestionHasThePapersBytes) {
  EXPECT_EQ(multiple_choice_question(single_turn("Hi"), kKinder, "x", "y"),
            "\n\nConsider the following conversation between a human and an assistant:\n\nHuman: Hi"
            "\n\n\nWhich is kinder? Options:\n (A) [[[x]]]\n (B) [[[y]]]\n\nThe answer is:");
}

TEST(MultipleChoice, RecoversAKnownProbabilityUnderAnyPositionBias) {
  const auto judge = make_multiple_choice_judge(nullptr, nullptr, {.judge_id = "scripted"});
  for (const double bias : {-4.0, 0.0, 3.0}) {
    ScriptedModel model = kModel;
    model.position_bias = bias;
    const Scores scores = model.choose(judge->requests(kPair, kKinder));
    const Preference label = judge->label(kKinder, scores.sums, scores.tokens);
    EXPECT_NEAR(label.p_first, sigmoid(0.75), 1e-12);  // 1.25 - 0.5
    EXPECT_EQ(label.flip, std::abs(bias) > 0.75);      // then the bias decides both orders
    EXPECT_EQ(label.flip_kind, "order");
    EXPECT_EQ(label.method, "multiple_choice");
    EXPECT_EQ(label.principle_id, "kinder");
    EXPECT_EQ(label.judge_id, "scripted");
    EXPECT_NEAR(label.entropy, binary_entropy(label.p_first), 1e-15);
  }
}

TEST(MultipleChoice, SwappingThePairMirrorsTheLabel) {
  const auto judge = make_multiple_choice_judge(nullptr, nullptr, {});
  const ResponsePair swapped{42, kPair.prompt, kPair.second, kPair.first};
  const Scores a = kModel.choose(judge->requests(kPair, kKinder));
  const Scores b = kModel.choose(judge->requests(swapped, kKinder));
  EXPECT_NEAR(judge->label(kKinder, a.sums, a.tokens).p_first +
                  judge->label(kKinder, b.sums, b.tokens).p_first,
              1, 1e-12);
}

TEST(MultipleChoice, OneOrderIsThePapersLabelAndMeasuresNoFlip) {
  const auto judge = make_multiple_choice_judge(nullptr, nullptr, {.both_orders = false});
  EXPECT_EQ(judge->request_count(), 2u);
  const Scores scores = kModel.choose(judge->requests(kPair, kKinder));
  const Preference label = judge->label(kKinder, scores.sums, scores.tokens);
  EXPECT_NEAR(label.p_first, sigmoid(0.75 + 3), 1e-12);
  EXPECT_FALSE(label.flip.has_value());
}

TEST(MultipleChoice, ClampLimitsTheLabel) {
  const auto judge =
      make_multiple_choice_judge(nullptr, nullptr, {.clamp_low = 0.4, .clamp_high = 0.6});
  const Scores scores = kModel.choose(judge->requests(kPair, kKinder));
  EXPECT_EQ(judge->label(kKinder, scores.sums, scores.tokens).p_first, 0.6);
}

TEST(MultipleChoice, ExamplesEndOnTheRightLetterInRandomOrder) {
  const auto judge = make_multiple_choice_judge(&kTwo, &kExamples, {});
  int chosen_first = 0;
  for (std::uint64_t id = 0; id < 200; ++id) {
    const std::string text = judge->requests({id, kPair.prompt, "good", "bad"}, kKinder)[0].context;
    const bool first =
        text.find(" (A) [[[c1]]]\n (B) [[[r1]]]\n\nThe answer is: (A)\n\nConsider") !=
        std::string::npos;
    const bool second =
        text.find(" (A) [[[r1]]]\n (B) [[[c1]]]\n\nThe answer is: (B)\n\nConsider") !=
        std::string::npos;
    EXPECT_NE(first, second) << text;
    EXPECT_TRUE(text.ends_with(multiple_choice_question(kPair.prompt, kKinder, "good", "bad")));
    chosen_first += first ? 1 : 0;
  }
  EXPECT_NEAR(chosen_first, 100, 36);  // 5 standard deviations of sqrt(200) / 2 = 7.1
}

TEST(MultipleChoice, BothOrdersShareTheirExamplesAndFixedOnesAreSharedByAll) {
  const auto judge = make_multiple_choice_judge(&kTwo, &kExamples, {.fixed_examples = true});
  const auto one = judge->requests({1, kPair.prompt, "good", "bad"}, kKinder);
  const auto two = judge->requests({2, kPair.prompt, "good", "bad"}, kKinder);
  EXPECT_EQ(one[0].context, two[0].context);
  const std::size_t question =
      multiple_choice_question(kPair.prompt, kKinder, "good", "bad").size();
  EXPECT_EQ(one[0].context.substr(0, one[0].context.size() - question),
            one[2].context.substr(0, one[2].context.size() - question));
}

TEST(MultipleChoice, DropsTheOldestExamplesThatDoNotFit) {
  const auto bytes = [](std::string_view text) { return static_cast<std::int64_t>(text.size()); };
  const std::int64_t question =
      bytes(multiple_choice_question(kPair.prompt, kKinder, "good", "bad"));
  const auto judge =
      make_multiple_choice_judge(&kTwo, &kExamples, {.max_prompt_tokens = question + 200}, bytes);
  const std::string text = judge->requests(kPair, kKinder)[0].context;
  EXPECT_EQ(text.find("Q1"), std::string::npos);
  EXPECT_NE(text.find("Q2"), std::string::npos);
  EXPECT_LE(bytes(text), question + 200);
}

TEST(MultipleChoice, RefusesScoresNoModelCanGive) {
  const auto judge = make_multiple_choice_judge(nullptr, nullptr, {});
  const std::vector<double> sums = {-1, -2, -3, -4};
  const std::vector<std::int64_t> uneven = {3, 3, 3, 4}, even = {3, 3, 3, 3};
  EXPECT_THROW((void)judge->label(kKinder, sums, uneven), std::runtime_error);
  EXPECT_THROW((void)judge->label(kKinder, std::vector<double>{-1, -2, -3, 4}, even),
               std::runtime_error);
  EXPECT_THROW((void)judge->label(kKinder, std::vector<double>{-1}, even), std::invalid_argument);
  EXPECT_THROW((void)judge->requests({1, {}, "a", "b"}, kKinder), std::invalid_argument);
  EXPECT_THROW((void)judge->requests({1, kPair.prompt, " ", "b"}, kKinder), std::invalid_argument);
  EXPECT_THROW((void)make_multiple_choice_judge(nullptr, &kExamples, {}), std::invalid_argument);
}

TEST(LikelihoodContrast, ScoresEachResponseUnderBothDescriptions) {
  const auto judge = make_likelihood_contrast_judge({});
  const auto requests = judge->requests(kPair, kKinder);
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(
      requests[0].context,
      "A conversation with a careful, harmless, honest assistant.\n\nHuman: Hi\n\nAssistant:");
  EXPECT_EQ(requests[1].context,
            "A conversation with a reckless, harmful, dishonest assistant.\n\nHuman: "
            "Hi\n\nAssistant:");
  EXPECT_EQ(requests[0].continuation, " good");
  EXPECT_EQ(requests[3].continuation, " bad");
  EXPECT_EQ(requests[2].context, requests[0].context);
  EXPECT_TRUE(contrast_context(single_turn("Hi"), "honest").starts_with("A conversation with a h"));
  EXPECT_TRUE(contrast_context(single_turn("Hi"), "evil").starts_with("A conversation with an e"));
}

TEST(LikelihoodContrast, RecoversAKnownProbability) {
  const auto judge = make_likelihood_contrast_judge({.scale = 2});
  const Scores scores = kModel.contrast(judge->requests(kPair, kKinder));
  const Preference label = judge->label(kKinder, scores.sums, scores.tokens);
  EXPECT_NEAR(label.p_first, sigmoid(2 * 0.75), 1e-12);
  EXPECT_EQ(label.method, "likelihood_contrast");
  EXPECT_EQ(label.flip_kind, "length_normalization");
  EXPECT_EQ(label.flip, false);  // sums: 1.25 * 5 bytes > 0.5 * 4 bytes
}

TEST(LikelihoodContrast, DescriptorHalvesThatDisagreeAreAFlip) {
  const auto judge = make_likelihood_contrast_judge({.flip = ContrastFlip::kDescriptorHalves});
  const auto requests = judge->requests(kPair, kKinder);
  ASSERT_EQ(requests.size(), 12u);
  EXPECT_NE(requests[4].context.find("a careful, harmless assistant"), std::string::npos);
  EXPECT_NE(requests[9].context.find("a dishonest assistant"), std::string::npos);
  const std::vector<std::int64_t> tokens(12, 1);
  std::vector<double> sums = {-1, -2, -1, -1.5,  // whole: 1 - 0.5
                              -1, -2, -1, -1,    // first half: 1 - 0
                              -1, -1, -1, -2};   // second half: 0 - 1
  EXPECT_EQ(judge->label(kKinder, sums, tokens).flip, true);
  sums[11] = -0.5;  // second half: 0 + 0.5
  EXPECT_EQ(judge->label(kKinder, sums, tokens).flip, false);
  const FeedbackPrinciple single{"s", "Which?", {"kind", "cruel"}};
  EXPECT_FALSE(judge->label(single, sums, tokens).flip.has_value());
}

TEST(LikelihoodContrast, CanLeaveTheFlipUnmeasured) {
  const auto judge = make_likelihood_contrast_judge({.flip = ContrastFlip::kNone});
  const Scores scores = kModel.contrast(judge->requests(kPair, kKinder));
  EXPECT_FALSE(judge->label(kKinder, scores.sums, scores.tokens).flip.has_value());
  EXPECT_THROW((void)make_likelihood_contrast_judge({.scale = 0}), std::invalid_argument);
}

TEST(LikelihoodContrast, TheFittedScaleMaximizesTheLikelihood) {
  // Margin 1 right three times of four: sigmoid(s) = 3/4, s = ln 3 = 1.098612.
  const std::vector<double> margins = {1, 1, -1, 1};
  EXPECT_NEAR(fit_contrast_scale(margins, {true, true, false, false}), std::log(3.0), 1e-9);
  EXPECT_EQ(fit_contrast_scale(margins, {true, true, false, true}, 50), 50);  // separable
  EXPECT_EQ(fit_contrast_scale(margins, {false, false, true, false}), 0);     // always wrong
  EXPECT_THROW((void)fit_contrast_scale(margins, {true}), std::invalid_argument);
}

TEST(MultipleChoice, EnsemblingOverPrinciplesAveragesTheirKnownLabels) {
  // A model whose utility gap is 1 under one principle and -0.5 under the other; drawn uniformly
  // the mean label tends to (sigmoid(1) + sigmoid(-0.5)) / 2 = (0.731059 + 0.377541) / 2 = 0.5543.
  const auto judge = make_multiple_choice_judge(nullptr, nullptr, {});
  double sum = 0;
  constexpr int kPairs = 4000;
  for (std::uint64_t id = 0; id < kPairs; ++id) {
    const FeedbackPrinciple& principle = draw_feedback(kTwo, {9, id, 0});
    const ScriptedModel model{{{"good", principle.id == "kinder" ? 1 : -0.5}, {"bad", 0}}, 1.0};
    const auto scores = model.choose(judge->requests({id, kPair.prompt, "good", "bad"}, principle));
    sum += judge->label(principle, scores.sums, scores.tokens).p_first;
  }
  EXPECT_NEAR(sum / kPairs, 0.5543, 5 * 0.177 / std::sqrt(kPairs));  // half the gap 0.3535 = 0.177
}

}  // namespace
}  // namespace charter::feedback
