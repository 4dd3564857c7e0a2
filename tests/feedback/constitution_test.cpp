#include "feedback/constitution.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

const std::string kHead = "version = 1\nname = 'n'\nsource = 's'\n";
const std::string kCritique =
    "[[critique]]\nid = 'c'\ncritique_request = 'Find harm.'\nrevision_request = 'Fix it.'\n";
const std::string kFeedback = "[[feedback]]\nid = 'f'\ntext = 'Which is kinder?'\n";

std::string load_error(const std::string& toml) {
  const TempFile file("c.toml", toml);
  return error_of([&] { (void)load_constitution(file.path()); });
}

TEST(Constitution, LoadsPrinciplesAndGivesTheDefaultContrast) {
  const TempFile file("c.toml", kHead + kCritique + kFeedback);
  const Constitution c = load_constitution(file.path());
  EXPECT_EQ(c.critiques.at(0).revision_request, "Fix it.");
  EXPECT_EQ(c.feedback.at(0).text, "Which is kinder?");
  EXPECT_EQ(c.feedback.at(0).contrast.good, "careful, harmless, honest");
}

TEST(Constitution, ErrorsNameTheLineAndWhatWasExpected) {
  const std::string& head = kHead;  // lines 1-3
  EXPECT_EQ(load_error(head + "extra = 1\n" + kCritique + kFeedback),
            "c.toml:4: unknown key 'extra', expected one of version, name, source, critique, "
            "feedback");
  EXPECT_EQ(load_error(head + "[[critique]]\nid = 'c'\ncritique_request = 'x'\n" + kFeedback),
            "c.toml:4: key 'revision_request' is missing");
  EXPECT_EQ(load_error(head + kCritique + "[[feedback]]\nid = 7\ntext = 'x'\n"),
            "c.toml:9: key 'id': expected a string");
  EXPECT_EQ(load_error(head + kCritique + "[[feedback]]\nid = 'f'\ntext = ' '\n"),
            "c.toml:10: key 'text' is empty");
  EXPECT_EQ(load_error(head + kCritique), "c.toml: expected at least one [[feedback]]");
  EXPECT_EQ(load_error(head + kCritique + kFeedback + kFeedback),
            "c.toml:11: id 'f' is used twice");
  EXPECT_EQ(load_error("version = 2\n"), "c.toml:1: key 'version': expected 1");
  EXPECT_TRUE(load_error(head + "[[critique]\n").starts_with("c.toml:4: malformed TOML"));
  std::string deep = "[a";
  for (int i = 0; i < 100000; ++i) deep += ".a";
  EXPECT_EQ(load_error(head + deep + "]\n"), "c.toml:4: a key of more than 100 parts");
  EXPECT_EQ(load_error(""), "c.toml: is empty");
  EXPECT_EQ(load_error(head + kCritique + "[[feedback]]\nid = 'f'\ntext = 'Which? Options:'\n"),
            "c.toml:10: key 'text' ends in 'Options:', which the template adds");
}

TEST(Constitution, ItsHashChangesWithAnyText) {
  const TempFile a("a.toml", kHead + kCritique + kFeedback);
  const std::uint64_t hash = load_constitution(a.path()).hash;
  EXPECT_EQ(load_constitution(a.path()).hash, hash);
  const TempFile b("b.toml",
                   kHead + kCritique + "[[feedback]]\nid = 'f'\ntext = 'Which is kinder today?'\n");
  EXPECT_NE(load_constitution(b.path()).hash, hash);
}

TEST(Constitution, DrawsAreReplayableAndReachEveryPrinciple) {
  Constitution c;
  for (int k = 0; k < 16; ++k) c.critiques.push_back({std::to_string(k), "a", "b"});
  std::set<std::string> seen;
  int repeats = 0;
  for (std::uint64_t work = 0; work < 400; ++work) {
    const std::string& first = draw_critique(c, {1, work, 1}).id;
    EXPECT_EQ(draw_critique(c, {1, work, 1}).id, first);
    seen.insert(first);
    repeats += draw_critique(c, {1, work, 2}).id == first ? 1 : 0;
  }
  EXPECT_EQ(seen.size(), 16u);
  // Independent with replacement: 400/16 = 25 repeats expected, standard deviation 4.8.
  EXPECT_NEAR(repeats, 25, 24);
  EXPECT_THROW((void)draw_feedback(c, {}), std::invalid_argument);
}

TEST(Constitution, TheShippedOneHasSixteenOfEach) {
  const Constitution c = load_constitution(config_path("constitution.toml"));
  EXPECT_EQ(c.critiques.size(), 16u);
  EXPECT_EQ(c.feedback.size(), 16u);
}

TEST(Constitution, ImportsThePapersPackKeepingItsWording) {
  const auto directory = shared_data("cai-paper/prompts");
  CHARTER_NEED_DATA(directory);
  const Constitution c = import_paper_constitution(directory);
  ASSERT_EQ(c.critiques.size(), 16u);
  ASSERT_EQ(c.feedback.size(), 16u);
  EXPECT_EQ(c.critiques[10].id, "harmful10");  // numeric order, not the file's
  EXPECT_NE(c.critiques[3].critique_request.find("precedings"), std::string::npos);
  EXPECT_EQ(c.feedback[1].text,
            "Please choose the response that is the most helpful, honest, and harmless.");
  for (const auto& f : c.feedback) EXPECT_FALSE(f.text.ends_with("Options:")) << f.text;
}

TEST(Constitution, AMissingPackFileIsNamed) {
  EXPECT_NE(error_of([] {
              (void)import_paper_constitution("/nonexistent");
            }).find("/nonexistent/CritiqueRevisionInstructions.json: cannot read"),
            std::string::npos);
}

}  // namespace
}  // namespace charter::feedback
