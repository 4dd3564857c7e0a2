#include <gtest/gtest.h>

#include "config/explain.hpp"
#include "config/nearest.hpp"
#include "config/run_config.hpp"
#include "config/schema.hpp"

namespace charter::config {
namespace {

TEST(CompareForResume, IsEmptyForTheSameConfig) {
  const ResumeDifference d = compare_for_resume(RunConfig{}, RunConfig{});
  EXPECT_TRUE(d.refused.empty());
  EXPECT_TRUE(d.accepted.empty());
}

TEST(CompareForResume, SeparatesWhatMayChange) {
  RunConfig edited;
  edited.rl.batch = 16;
  edited.actors.rollout = 2;
  edited.rl.updates = 20;
  const ResumeDifference d = compare_for_resume(RunConfig{}, edited);
  EXPECT_EQ(d.refused, std::vector<std::string>{"rl.batch: 8 -> 16"});
  EXPECT_EQ(d.accepted,
            (std::vector<std::string>{"actors.rollout: 1 -> 2", "rl.updates: 8 -> 20"}));
}

TEST(Print, RoundTripsEveryKey) {
  RunConfig c;
  int n = 0;
  // Another value than the default in every field that has room for one.
  for_each_key(c, [&n](const char*, const char* key, auto& field, const KeyInfo& info) {
    ++n;
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, bool>) {
      field = !field;
    } else if constexpr (std::is_same_v<Field, std::string>) {
      if (!info.choices.empty()) field = info.choices.back();
      if (info.choices.empty() && std::string(key) != "address") {
        field = std::string(info.path ? "/" : "") + "a \"quoted\" \\ \t \x01 \xc3\xa9 " +
                std::to_string(n);
      }
    } else if constexpr (std::is_integral_v<Field>) {
      if (std::string(key) != "minibatches") field += 1;
    } else {
      field = field * 0.9 + (info.max + info.min < 2 ? 0.01 : 0.1);
    }
  });
  c.run.name = "other";
  const std::string text = to_toml(c);
  const RunConfig back = parse_config(text, "printed", {}, "");
  EXPECT_EQ(to_toml(back), text);
  const ResumeDifference d = compare_for_resume(c, back);
  EXPECT_TRUE(d.refused.empty());
  EXPECT_TRUE(d.accepted.empty());
}

TEST(Explain, ListsEveryKeyWithItsHelp) {
  const std::string text = explain(RunConfig{});
  size_t lines = 0;
  for (const char c : text) lines += c == '\n';
  EXPECT_EQ(lines, key_names().size());
  for (const KeyName& name : key_names()) {
    EXPECT_NE(text.find(name.full() + " = "), std::string::npos) << name.full();
  }
  for (const KeyExplanation& row : explanations(RunConfig{}))
    EXPECT_FALSE(row.help.empty()) << row.name;
}

TEST(Explain, ShowsOneSectionOrOneKey) {
  RunConfig c;
  c.rl.batch = 16;
  EXPECT_EQ(
      explain(c, "rl.batch"),
      "rl.batch = 16  (default 8)  [1 to 65536]  trajectories a version; fixed for the run\n");
  EXPECT_EQ(explanations(c, "actors").size(), 3u);
}

TEST(Explain, SuggestsTheNearestName) {
  try {
    (void)explain(RunConfig{}, "rl.batsh");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "rl.batsh: unknown key; did you mean rl.batch?");
  }
}

}  // namespace
}  // namespace charter::config
