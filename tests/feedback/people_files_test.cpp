// Files as people bring them: what each loader takes, skips and refuses. Every file is made here.
#include <gtest/gtest.h>
#include <zlib.h>

#include <functional>
#include <string>
#include <vector>

#include "feedback/datasets.hpp"
#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

// "4 rows" or "4 rows; 1 skipped: ...", or the error.
template <class Load>
std::string outcome(const std::string& name, const std::string& bytes, Load load) {
  const TempFile file(name, bytes);
  std::string text;
  const std::string error = error_of([&] {
    const auto loaded = load(file.path());
    const std::string skipped = loaded.skipped.text();
    text = std::to_string(loaded.rows.size()) + " rows" + (skipped.empty() ? "" : "; " + skipped);
  });
  return error.empty() ? text : error;
}

std::string prompts(const std::string& name, const std::string& bytes) {
  return outcome(name, bytes, [](const auto& path) { return load_prompts(path); });
}
std::string comparisons(const std::string& bytes, const std::string& name = "c.jsonl") {
  return outcome(name, bytes, [](const auto& path) { return load_comparisons(path); });
}
std::string questions(const std::string& bytes) {
  return outcome("q.jsonl", bytes, [](const auto& path) { return load_pmp(path); });
}

// `row` once for each of 1 to 4, "%" being the number.
std::string four(const std::string& row) {
  std::string text;
  for (char k = '1'; k <= '4'; ++k) {
    for (const char c : row) text += c == '%' ? k : c;
    text += '\n';
  }
  return text;
}

std::string gzip(std::string_view text) {
  const TempFile file("pack.gz", "");
  gzFile out = gzopen(file.path().c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  std::ifstream in(file.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(PeoplesPrompts, AreTakenInEveryShape) {
  const std::string table = "prompt,topic\n" + four("Why is it so %?,a");
  const struct {
    std::string name, bytes, expected;
  } cases[] = {
      {"p.jsonl", four(R"({"id": %, "prompt": "Why %?"})"), "4 rows"},
      {"p.jsonl", four(R"({"id": %.0, "prompt": "Why %?"})"), "4 rows"},
      {"p.jsonl", four(R"({"id": null, "prompt": "Why %?", "topic": null, "split": null})"),
       "4 rows"},
      {"p.jsonl", four(R"({"prompt": [{"role": "user", "content": "Why %?"}]})"), "4 rows"},
      {"p.jsonl",
       four(
           R"({"messages": [{"role": "user", "content": "Why %?"}, {"role": "assistant", "content": "So."}]})"),
       "4 rows"},
      {"p.jsonl", four(R"({"instruction": "Add %.", "input": null, "output": null})"), "4 rows"},
      {"p.jsonl", four(R"({"instruction": "Add %.", "input": "1", "output": 7})"), "4 rows"},
      {"p.jsonl", four(R"({"prompt": "Why %?", "split": "test"})"), "4 rows"},
      {"p.jsonl", four(R"({"prompt": "Why %?", "split": "validation"})"), "4 rows"},
      {"p.jsonl", "\xEF\xBB\xBF{\"prompt\": \"Why?\"}\r\n\r\n{\"prompt\": \"How?\"}", "2 rows"},
      {"p.json", R"([{"prompt": "Why?"}, {"prompt": "How?"}])", "2 rows"},
      {"P.CSV", table, "4 rows"},
      {"p.csv.gz", gzip(table), "4 rows"},
      {"p.csv", "Category,GOAL\n" + four("x,Why %?"), "4 rows"},
      {"P.TXT", four("Why %?"), "4 rows"},
      {"p.txt.gz", gzip(four("Why %?")), "4 rows"},
  };
  for (const auto& c : cases) EXPECT_EQ(prompts(c.name, c.bytes), c.expected) << c.bytes;
}

TEST(PeoplesPrompts, AreSkippedAndCountedWhereARowSaysNothing) {
  const struct {
    std::string name, bytes, expected;
  } cases[] = {
      {"p.jsonl", four(R"({"prompt": "Why %?"})") + R"({"prompt": ""})",
       "4 rows; 1 skipped: 1 empty (line 5)"},
      {"p.jsonl", "{}\n{\"prompt\": null}\n{\"prompt\": \" \"}\n" + four(R"({"prompt": "Why %?"})"),
       "4 rows; 3 skipped: 3 empty (lines 1, 2, 3)"},
      {"p.jsonl", "{\"instruction\": null, \"input\": \"\"}\n{\"instruction\": \"Add.\"}",
       "1 rows; 1 skipped: 1 empty (line 1)"},
      {"p.csv", "prompt,category\nWhy?,x\n ,x\nHow?,x\n", "2 rows; 1 skipped: 1 empty (line 3)"},
      {"p.jsonl",
       "{\"prompt\": \"What is rain?\"}\n{\"prompt\": \"What is rain? \"}\n{\"prompt\": \"what is "
       "RAIN\"}",
       "1 rows; 2 skipped: 2 repeated (lines 2, 3)"},
      {"p.txt", "Human: Why? Assistant: So. Human: How?\nWhen?\n",
       "1 rows; 1 skipped: 1 with turn markers inside a text (line 1)"},
      {"p.jsonl", "{\"prompt\": \"<|im_start|>user\\nWhy?\"}\n{\"prompt\": \"How?\"}",
       "1 rows; 1 skipped: 1 in a chat template's markup (line 1)"},
      {"p.jsonl",
       "{\"chosen\": \"\\n\\nHuman:\\n\\nAssistant: a\", \"rejected\": \"x\"}\n{\"prompt\": "
       "\"How?\"}",
       "1 rows; 1 skipped: 1 without a human turn (line 1)"},
  };
  for (const auto& c : cases) EXPECT_EQ(prompts(c.name, c.bytes), c.expected) << c.bytes;
}

TEST(PeoplesPrompts, AreRefusedByTheirKind) {
  const struct {
    std::string name, bytes, beginning;
  } cases[] = {
      {"p.tsv", "id\tprompt\n1\tWhy?\n", "p.tsv: is a table separated by tabs, expected JSON rows"},
      {"p.csv", "prompt\ncaf\xE9\n", "p.csv:2: byte 10 is not UTF-8; to convert"},
      {"p.parquet", std::string("PAR1\0\1\2PAR1", 11),
       "p.parquet: is a Parquet file, expected text"},
      {"p.jsonl", four(R"({"question": "Why %?"})"),
       "p.jsonl:1: key 'prompt' is missing, expected prompt, messages, instruction, or chosen and "
       "rejected; "
       "the row has question"},
      {"p.yaml", "- prompt: Why?\n", "p.yaml: begins with \"- prompt: Why?\", expected JSON rows"},
      {"p.csv", "prompt;topic\nWhy?;a\n",
       "p.csv:1: expected a column goal, forbidden_prompt, prompt or "
       "objective, separated by commas; the header has prompt;topic"},
      {"p.csv", "# about\nq,a\nWhy?,a\n", "p.csv:2: expected a column"},
      {"p.csv", "prompt,split\nWhy?,third\n", "p.csv:2: key 'split' is 'third'"},
      {"p.jsonl", R"({"id": {"a": 1}, "prompt": "Why?"})",
       "p.jsonl:1: key 'id' is an object, expected a string"},
      {"p.jsonl", R"({"id": 1.5, "prompt": "Why?"})",
       "p.jsonl:1: key 'id' is a number, expected an integer"},
      {"p.jsonl", "{}\n{\"prompt\": null}",
       "p.jsonl: no row holds a usable prompt: 2 skipped: 2 empty (lines 1, 2)"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(prompts(c.name, c.bytes).substr(0, c.beginning.size()), c.beginning) << c.bytes;
}

TEST(PeoplesPrompts, KeepWhatTheySay) {
  const TempFile file(
      "p.jsonl",
      R"({"id": 7, "prompt": "\n\nSystem: Be kind.\n\nHuman: Why?\n\nAssistant:"})"
      "\n"
      R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A"},)"
      R"( {"role": "assistant", "content": "B"}, {"role": "user", "content": "C"}]})"
      "\n"
      R"({"messages": [{"role": "user", "content": "D"}, {"role": "assistant", "content": "E"}]})"
      "\n");
  const auto rows = load_prompts(file.path()).rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].id, "7");
  EXPECT_EQ(rows[0].prompt, (Conversation{{Role::kSystem, "Be kind."}, {Role::kHuman, "Why?"}}));
  EXPECT_EQ(rows[1].prompt, (Conversation{{Role::kSystem, "S"},
                                          {Role::kHuman, "A"},
                                          {Role::kAssistant, "B"},
                                          {Role::kHuman, "C"}}));
  EXPECT_EQ(rows[2].prompt, single_turn("D"));
}

TEST(PeoplesComparisons, AreTakenInEveryShape) {
  const std::string user = R"({"role": "user", "content": "Why %?"})";
  const std::string good = R"({"role": "assistant", "content": "So."})";
  const std::string bad = R"({"role": "assistant", "content": "No."})";
  for (
      const std::string& row :
      {std::string(R"({"id": %, "prompt": "Why %?", "chosen": "So.", "rejected": "No."})"),
       std::string(
           R"({"prompt": "Human: Why %?\n\nAssistant:", "chosen": " So.", "rejected": " No."})"),
       std::string(
           R"({"prompt": "Why %?", "chosen": "Assistant: So.", "rejected": "Assistant: No."})"),
       R"({"prompt": [)" + user + R"(], "chosen": [)" + good + R"(], "rejected": [)" + bad + "]}",
       R"({"prompt": [)" + user + R"(], "chosen": "So.", "rejected": "No."})",
       R"({"prompt": "Why %?", "chosen": [)" + user + "," + good + R"(], "rejected": [)" + user +
           "," + bad + "]}",
       R"({"prompt": null, "chosen": [)" + user + "," + good + R"(], "rejected": [)" + user + "," +
           bad + "]}",
       R"({"chosen": [)" + user + "," + good + R"(], "rejected": [)" + user + "," + bad + "]}",
       std::string(R"({"chosen": "\r\n\r\nHuman: Why %?\r\n\r\nAssistant: So.",)"
                   R"( "rejected": "\r\n\r\nHuman: Why %?\r\n\r\nAssistant: No."})"),
       std::string(
           R"({"chosen": "Human: Why %?\nAssistant: So.", "rejected": "Human: Why %?\nAssistant: No."})"),
       std::string(R"({"prompt": "Why %?", "chosen": "Human: Why %?\n\nAssistant: So.",)"
                   R"( "rejected": "Human: Why %?\n\nAssistant: No."})")}) {
    const TempFile file("c.jsonl", four(row));
    const auto loaded = load_comparisons(file.path());
    ASSERT_EQ(loaded.rows.size(), 4u) << row;
    EXPECT_EQ(loaded.skipped.total(), 0) << row;
    EXPECT_EQ(loaded.rows[1].prompt, single_turn("Why 2?")) << row;
    EXPECT_EQ(loaded.rows[1].chosen, "So.") << row;
    EXPECT_EQ(loaded.rows[1].rejected, "No.") << row;
  }
  EXPECT_EQ(comparisons(four(R"({"prompt": "1+%?", "chosen": 3, "rejected": 4.5})")), "4 rows");
}

TEST(PeoplesComparisons, AreSkippedAndCountedByKind) {
  const std::string good = four(R"({"prompt": "Why %?", "chosen": "So.", "rejected": "No."})");
  const struct {
    std::string bad, expected;
  } cases[] = {
      {R"({"prompt": "W?", "chosen": "a", "rejected": " a "})", "1 with equal answers (line 5)"},
      {R"({"prompt": "W?", "chosen": "a", "rejected": ""})", "1 empty (line 5)"},
      {R"({"prompt": "W?", "chosen": null, "rejected": "b"})", "1 empty (line 5)"},
      {R"({"prompt": null, "chosen": "a", "rejected": "b"})", "1 empty (line 5)"},
      {R"({})", "1 empty (line 5)"},
      {R"({"prompt": "W?", "chosen": "Human: X?\n\nAssistant: a", "rejected": "b"})",
       "1 without a common prompt (line 5)"},
      {R"({"chosen": "Human: X?\n\nAssistant: a", "rejected": "Human: Y?\n\nAssistant: a"})",
       "1 without a common prompt (line 5)"},
      {R"({"chosen": "Human: X?\n\nAssistant:", "rejected": "Human: X?\n\nAssistant: a"})",
       "1 without an answer (line 5)"},
      {R"({"chosen": "Assistant: a", "rejected": "Assistant: b"})",
       "1 without a human turn (line 5)"},
      {R"({"prompt": "W?\n\nHuman: X?", "chosen": "a", "rejected": "b"})",
       "1 with turn markers inside a text (line 5)"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(comparisons(good + c.bad), "4 rows; 1 skipped: " + c.expected) << c.bad;
  EXPECT_EQ(comparisons(four(R"({"prompt": "Why %?", "chosen": "So.", "rejected": "So."})")),
            "c.jsonl: no row holds a usable comparison: 4 skipped: 4 with equal answers (lines 1, "
            "2, 3, 4)");
  EXPECT_EQ(comparisons("a,b\n1,2\n", "c.csv"), "c.csv: is a table, expected JSON rows");
}

TEST(PeoplesScoredAnswers, AreTakenOrCounted) {
  const auto row = [](const std::string& answers) {
    return four(R"({"question": "Why %?", "answers": [)" + answers + "]}");
  };
  EXPECT_EQ(
      questions(
          row(R"({"text": "So.", "votes": 3.0}, {"text": "No.", "votes": 0.0, "accepted": null})")),
      "4 rows");
  EXPECT_EQ(questions(row(R"({"text": 42, "votes": 3}, {"text": null, "votes": 0})")), "4 rows");
  EXPECT_EQ(questions(row(R"({"text": "So.", "votes": 3.5})")),
            "q.jsonl:1: key 'votes' is a number, expected an integer");
  EXPECT_EQ(questions(row(R"({"text": "So.", "votes": 1})") +
                      "{\"question\": \"W?\", \"answers\": null}\n{}\n"),
            "4 rows; 2 skipped: 1 empty (line 6), 1 without an answer (line 5)");
  EXPECT_EQ(
      questions("{\"prompt\": \"W?\"}"),
      "q.jsonl:1: key 'question' is missing, expected question and answers; the row has prompt");
  // A question that is a transcript is asked as one.
  const TempFile file(
      "q.jsonl",
      R"({"question": "Human: W?\n\nAssistant:", "answers": [{"text": "a", "votes": 1}]})");
  EXPECT_EQ(load_pmp(file.path()).rows.at(0).question, single_turn("W?"));
}

}  // namespace
}  // namespace charter::feedback
