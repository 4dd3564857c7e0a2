#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/run_charter.hpp"
#include "tests/model/model_path.hpp"

namespace charter::cli {
namespace {

std::vector<nlohmann::json> lines(const std::string& text) {
  std::vector<nlohmann::json> rows;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

class WithModel : public testing::Test {
 protected:
  void SetUp() override {
    model_ = test_model();
    if (model_.empty()) GTEST_SKIP() << "no model: set CHARTER_MODEL";
  }
  [[nodiscard]] Outcome run(const std::string& arguments) const {
    return run_charter(scratch_, arguments, "CHARTER_MODEL='" + model_ + "'");
  }
  // The command refuses this input with one line and leaves no output.
  void expect_refused(const std::string& command, const std::string& in,
                      const std::string& expected_part) const {
    const std::string file = scratch_.write("in.jsonl", in);
    run(command + " --in " + file + " --out " + scratch_.at("out.jsonl"))
        .expect_refused(1, expected_part);
    EXPECT_FALSE(scratch_.exists("out.jsonl"));
    EXPECT_FALSE(scratch_.exists("out.jsonl.partial"));
  }

  Scratch scratch_;
  std::string model_;
};

TEST_F(WithModel, RefusesBadPromptFiles) {
  for (const std::string command : {"tokenize", "generate", "score"}) {
    expect_refused(command, "", scratch_.at("in.jsonl"));
    expect_refused(command, "{\"prompt\": \"a\"}\n{\"prompt\": \n", scratch_.at("in.jsonl") + ":2");
    run(command + " --in " + scratch_.at("none.jsonl") + " --out " + scratch_.at("out.jsonl"))
        .expect_refused(1, scratch_.at("none.jsonl"));
  }
  expect_refused("tokenize", "{\"prompt\": \"a\"}\n", ":1: key 'text' is missing");
  expect_refused("generate", "{\"text\": \"a\"}\n",
                 ":1: keys 'prompt' and 'messages' are missing, expected one of them");
  expect_refused("generate", "{\"prompt\": 3}\n", ":1: key 'prompt' is a number");
  expect_refused("generate", "{\"prompt\": \"a\"}\n{\"prompt\": \"\"}\n",
                 ":2: key 'prompt' is empty");
  expect_refused("score", "{\"prompt\": \"a\"}\n", ":1: key 'continuation' is missing");
}

TEST_F(WithModel, RefusesWhatIsNoConversation) {
  const std::string good = R"({"messages": [{"role": "user", "content": "Hi"}]})";
  for (
      const auto& [row, why] : std::vector<std::pair<std::string, std::string>>{
          {R"({"prompt": "a", "messages": []})",
           "keys 'prompt' and 'messages' are both there, expected one of them"},
          {R"({"messages": "Hi"})", "key 'messages' is a string, expected an array"},
          {R"({"messages": []})", "key 'messages' ends without a message of the user"},
          {R"({"messages": ["Hi"]})", "messages[0] is a string, expected an object with the texts"},
          {R"({"messages": [{"role": "user"}]})",
           "messages[0].content is missing, expected a text"},
          {R"({"messages": [{"role": "user", "content": null}]})",
           "messages[0].content is null, expected a text"},
          {R"({"conversations": [{"from": "human", "value": "Hi"}]})",
           "keys 'prompt' and 'messages' are missing"},
          {R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "tool", "content": ""}]})",
           "messages[1]: role \"tool\", expected user, assistant or, first, system"},
          {R"({"messages": [{"role": "user", "content": ""}, {"role": "system", "content": ""}]})",
           "messages[1]: role \"system\", expected user, assistant or, first, system"},
          {R"({"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]})",
           "messages[1].content is empty, expected the beginning of an answer"},
          {R"({"messages": [{"role": "user", "content": "Hi", "tool_calls": [], "name": "Bo"}]})",
           "messages[0].name is not supported, expected role and content"},
          {R"({"messages": [{"role": "user", "content": "Hi"}], "tools": [{}]})",
           "key 'tools' is not supported with 'messages'"},
          {R"({"messages": [{"role": "system", "content": "Be brief."}]})",
           "key 'messages' ends without a message of the user"}}) {
    expect_refused("generate", good + "\n" + row + "\n", ":2: " + why);
  }
  // Of the format: known once the model is read.
  expect_refused("generate --chat-format plain",
                 R"({"messages": [{"role": "system", "content": "Be brief."}, )"
                 R"({"role": "user", "content": "Hi"}]})",
                 "raises \"plain turns have no system message\"");
  run("generate --chat-format gemma --in " + scratch_.write("in.jsonl", good))
      .expect_refused(2, "--chat-format: gemma not in {chatml,llama3,mistral,plain}");
}

TEST_F(WithModel, ARowLongerThanTheContextSaysSoAmongTheOthers) {
  SKIP_UNLESS_DEFAULT_MODEL();  // counts its tokens
  std::string prompt;
  for (int i = 0; i < 100; ++i) prompt += "word ";
  const std::string longer = "{\"id\": \"b\", \"prompt\": \"" + prompt + "\"}\n";
  const std::string in = scratch_.write(
      "in.jsonl", "{\"prompt\": \"short\"}\n" + longer + "{\"prompt\": \"too\"}\n" + longer);
  const Outcome outcome = run("generate --context 64 --max-new-tokens 2 --in " + in);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.error,
            in +
                ":2: prompt is 101 tokens, expected at most 63: the context is 64, and 1 more must "
                "fit; 2 of 4 rows have no answer, the others go on\n");
  const auto rows = lines(outcome.out);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0]["id"], 0);
  EXPECT_TRUE(rows[0].contains("text"));
  EXPECT_EQ(rows[1], nlohmann::json({{"id", "b"},
                                     {"error",
                                      "prompt is 101 tokens, expected at most 63: the context is "
                                      "64, and 1 more must fit"}}));
  EXPECT_EQ(rows[2]["id"], 2);
  EXPECT_TRUE(rows[2].contains("text"));
  EXPECT_EQ(rows[3]["id"], "b");
  EXPECT_TRUE(rows[3].contains("error"));
  // Where no row can be answered there is nothing to write.
  expect_refused("generate --context 64", longer + longer,
                 ":1: prompt is 101 tokens, expected at most 63");
}

TEST_F(WithModel, IdsComeBackAsTheyAre) {
  const std::string in = scratch_.write(
      "in.jsonl",
      "{\"id\": 12345678901234567890, \"text\": \"a\"}\n{\"id\": null, \"text\": \"a\"}\n"
      "{\"id\": {\"k\": [1]}, \"text\": \"a\"}\n{\"text\": \"a\"}\n");
  const Outcome outcome = run("tokenize --in " + in);
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  for (const char* id :
       {"{\"id\":12345678901234567890,", "{\"id\":null,", "{\"id\":{\"k\":[1]},", "{\"id\":3,"})
    EXPECT_NE(outcome.out.find(id), std::string::npos) << id;
  expect_refused("tokenize", "{\"id\": 123456789012345678901, \"text\": \"a\"}\n",
                 ":1: number 123456789012345678901 has more than 64 bits; write it as a text");
}

TEST_F(WithModel, RowsFromAPipeAreReadAsFromAFile) {
  const std::string in =
      scratch_.write("in.jsonl", "\xEF\xBB\xBF{\"text\": \"a\"}\r\n\r\n{\"text\": \"b\"}");
  const auto piped = [&](const std::string& file) {
    const std::string command = "'" + binary() + "' tokenize <" + file + " >" +
                                scratch_.at("piped") + " 2>" + scratch_.at("why");
    EXPECT_EQ(::setenv("CHARTER_MODEL", model_.c_str(), 1), 0);
    const int status = std::system(command.c_str());
    return Outcome{WEXITSTATUS(status), read_file(scratch_.at("piped")),
                   read_file(scratch_.at("why"))};
  };
  EXPECT_EQ(piped(in).out, run("tokenize --in " + in).out);
  EXPECT_EQ(lines(piped(in).out).size(), 2u);
  piped(scratch_.write("bad.jsonl", "{\"text\": \"a\"}\n\xFF"))
      .expect_refused(1, "standard input:2: byte 14 is not UTF-8");
}

TEST_F(WithModel, RefusesAnOutputThatCannotBeWritten) {
  const std::string in = scratch_.write("in.jsonl", "{\"text\": \"a\"}\n");
  run("tokenize --in " + in + " --out " + scratch_.at("no/such/dir/out.jsonl"))
      .expect_refused(1, "cannot write: No such file or directory");
}

TEST_F(WithModel, RefusesATruncatedGguf) {
  const std::string cut = scratch_.write("cut.gguf", read_file(model_).substr(0, 4 << 20));
  const std::string in = scratch_.write("in.jsonl", "{\"prompt\": \"a\"}\n");
  run("generate --model " + cut + " --in " + in + " --out " + scratch_.at("out.jsonl"))
      .expect_refused(1, cut);
  run("import " + cut + " " + scratch_.at("dir")).expect_refused(1, cut);
  EXPECT_FALSE(scratch_.exists("out.jsonl"));
  EXPECT_FALSE(scratch_.exists("dir"));
}

TEST_F(WithModel, TokenizesInOrderWithIds) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const std::string in = scratch_.write(
      "in.jsonl", "{\"id\": \"x\", \"text\": \"Hello world\"}\n{\"text\": \"<|im_end|>\"}\n");
  const Outcome outcome = run("tokenize --in " + in);
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const auto rows = lines(outcome.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["id"], "x");
  EXPECT_EQ(rows[0]["tokens"], (std::vector<int>{19556, 905}));
  EXPECT_EQ(rows[1]["id"], 1);
  EXPECT_EQ(rows[1]["tokens"], std::vector<int>{2});
}

TEST_F(WithModel, TokenizeAndScoreCountWhatTheyDid) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const std::string texts =
      scratch_.write("texts.jsonl", "{\"text\": \"Hello world\"}\n{\"text\": \"<|im_end|>\"}\n");
  const Outcome tokenized =
      run("tokenize --stats --in " + texts + " --out " + scratch_.at("ids.jsonl"));
  ASSERT_EQ(tokenized.code, 0) << tokenized.error;
  auto stats = nlohmann::json::parse(tokenized.out);
  EXPECT_EQ(stats["rows"], 2);
  EXPECT_EQ(stats["tokens"], 3);  // 2 + 1
  EXPECT_GT(stats["tokens_per_second"], 0.0);
  EXPECT_GT(stats["peak_memory_bytes"], 1 << 20);
  // Where standard output holds the rows, statistics are on standard error.
  const Outcome rows = run("tokenize --stats --in " + texts);
  EXPECT_EQ(rows.out, read_file(scratch_.at("ids.jsonl")));
  EXPECT_EQ(nlohmann::json::parse(rows.error)["rows"], 2);

  const std::string scores =
      scratch_.write("scores.jsonl", "{\"prompt\": \"Hello\", \"continuation\": \" world\"}\n");
  const Outcome scored = run("score --stats --in " + scores + " --out " + scratch_.at("s.jsonl"));
  ASSERT_EQ(scored.code, 0) << scored.error;
  stats = nlohmann::json::parse(scored.out);
  EXPECT_EQ(stats["rows"], 1);
  // One token of each: the continuation's own keys and values are not needed.
  EXPECT_EQ(stats["prefill_tokens"].get<int>() + stats["decode_tokens"].get<int>(), 1);
  EXPECT_GT(stats["peak_memory_bytes"], 100 << 20);
  EXPECT_EQ(nlohmann::json::parse(run("score --stats --in " + scores).error)["rows"], 1);
}

TEST_F(WithModel, AMarkerInAScoredAnswerIsText) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const auto scored = [&](const std::string& prompt) {
    const auto rows =
        lines(run("score --in " +
                  scratch_.write("in.jsonl", "{" + prompt + ", \"continuation\": \"<|im_end|>\"}"))
                  .out);
    return rows.at(0)["tokens"].get<std::vector<int>>();
  };
  EXPECT_EQ(scored("\"prompt\": \"Hi\""), std::vector<int>{2});
  const auto text = scored("\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]");
  EXPECT_GT(text.size(), 1u);
  EXPECT_EQ(std::count(text.begin(), text.end(), 2), 0);
}

TEST_F(WithModel, RefusesATemperatureThatLeavesNoNumbers) {
  const std::string in = scratch_.write("in.jsonl", "{\"prompt\": \"a\"}\n");
  run("generate --temperature 1e-40 --in " + in).expect_refused(2, "--temperature");
}

TEST_F(WithModel, GenerateIsReproducibleAndScoreAgrees) {
  SKIP_UNLESS_DEFAULT_MODEL();  // its greedy text tokenizes back to the tokens it is made of
  const std::string in = scratch_.write(
      "in.jsonl",
      "{\"prompt\": \"The capital of France is\"}\n{\"prompt\": \"One, two, three,\"}\n");
  const std::string command = "generate --in " + in + " --max-new-tokens 8 --seed 5";
  const Outcome first = run(command + " --out " + scratch_.at("a.jsonl") + " --stats");
  ASSERT_EQ(first.code, 0) << first.error;
  const auto stats = nlohmann::json::parse(first.out);
  EXPECT_GT(stats["decode_tokens_per_second"], 0.0);
  EXPECT_GT(stats["peak_memory_bytes"], 100 << 20);
  const auto rows = lines(read_file(scratch_.at("a.jsonl")));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(scratch_.exists("a.jsonl.partial"));

  // A batch of one gives the same tokens: they depend on the seed and the row alone.
  const auto again = lines(run(command + " --batch 1").out);
  ASSERT_EQ(again.size(), 2u);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(again[i]["tokens"], rows[i]["tokens"]);
    EXPECT_EQ(rows[i]["tokens"].size(), rows[i]["logprobs"].size());
  }

  // Greedy text re-tokenizes to itself here; its score is the sum of the log-probs it was made
  // with.
  const auto greedy = lines(run("generate --in " + in + " --max-new-tokens 2 --temperature 0").out);
  ASSERT_EQ(greedy.size(), 2u);
  const std::string continuation = nlohmann::json{
      {"prompt", "The capital of France is"},
      {"continuation",
       greedy[0]["text"]}}.dump();
  const auto scored = lines(run("score --in " + scratch_.write("c.jsonl", continuation)).out);
  ASSERT_EQ(scored.size(), 1u);
  ASSERT_EQ(scored[0]["tokens"], greedy[0]["tokens"]);
  double sum = 0;
  for (const double logprob : greedy[0]["logprobs"]) sum += logprob;
  EXPECT_NEAR(scored[0]["logprob"].get<double>(), sum, 1e-3);
}

TEST_F(WithModel, AConversationIsWrittenByTheModelsTemplate) {
  SKIP_UNLESS_DEFAULT_MODEL();  // its template and default system message
  const std::string question = "What is the capital of France?";
  const std::string turn = "<|im_start|>user\n" + question + "<|im_end|>\n<|im_start|>assistant\n";
  const std::string system =
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
      "Face<|im_end|>\n";
  const nlohmann::json messages = {{{"role", "user"}, {"content", question}}};
  const auto generate = [&](const nlohmann::json& row, const std::string& options = "") {
    const auto rows = lines(run("generate --temperature 0 --max-new-tokens 24 " + options +
                                " --in " + scratch_.write("in.jsonl", row.dump()))
                                .out);
    return rows.size() == 1 ? rows[0] : nlohmann::json::object();
  };
  const auto answer = generate({{"messages", messages}});
  EXPECT_EQ(answer, generate({{"prompt", system + turn}}));
  EXPECT_NE(answer.value("text", "").find("Paris"), std::string::npos) << answer;
  EXPECT_EQ(answer.value("finish", ""), "stop_token");
  // An answer goes on from its beginning.
  nlohmann::json begun = messages;
  begun.push_back({{"role", "assistant"}, {"content", "The capital of"}});
  EXPECT_EQ(generate({{"messages", begun}}),
            generate({{"prompt", system + turn + "The capital of"}}));
  // A named format leaves the model's system message out.
  EXPECT_EQ(generate({{"messages", messages}}, "--chat-format chatml"),
            generate({{"prompt", turn}}));

  const auto score = [&](nlohmann::json row) {
    row["continuation"] = "The capital of France is Paris.";
    return lines(run("score --in " + scratch_.write("in.jsonl", row.dump())).out).at(0);
  };
  EXPECT_EQ(score({{"messages", messages}}), score({{"prompt", system + turn}}));
}

TEST_F(WithModel, APlainConversationEndsWhereTheNextTurnBegins) {
  SKIP_UNLESS_DEFAULT_MODEL();
  // Five answered turns teach the model to go on with "\n\nHuman:" by itself.
  nlohmann::json messages;
  for (const char* word : {"cat", "dog", "cow", "pig", "hen"}) {
    messages.push_back({{"role", "user"}, {"content", std::string("Say ") + word}});
    messages.push_back({{"role", "assistant"}, {"content", word}});
  }
  messages.push_back({{"role", "user"}, {"content", "Say fox"}});
  const std::string in = scratch_.write("in.jsonl", nlohmann::json{{"messages", messages}}.dump());
  const auto rows =
      lines(run("generate --temperature 0 --max-new-tokens 24 --chat-format plain --in " + in).out);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["text"], " fox");
  EXPECT_EQ(rows[0]["finish"], "stop_string");
}

TEST_F(WithModel, ImportWritesADirectoryThatTokenizesAlike) {
  const std::string dir = scratch_.at("model");
  const Outcome outcome = run("import '" + model_ + "' " + dir);
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_TRUE(scratch_.exists("model/config.json"));
  EXPECT_TRUE(scratch_.exists("model/model.safetensors"));
  const std::string in = scratch_.write("in.jsonl", "{\"text\": \"Hello  w\\u00f6rld 123\"}\n");
  EXPECT_EQ(run("tokenize --model " + dir + " --in " + in).out, run("tokenize --in " + in).out);
  run("import '" + model_ + "' " + dir).expect_refused(1, dir);  // it exists
}

TEST_F(WithModel, GenerationStopsAtEveryEndAndExportKeepsThem) {
  const std::string dir = scratch_.at("model");
  ASSERT_EQ(run("import '" + model_ + "' " + dir).code, 0);
  const std::string in = scratch_.write("in.jsonl", "{\"prompt\": \"Once upon a time\"}\n");
  const auto generate = [&] {
    return lines(run("generate --temperature 0 --max-new-tokens 4 --model " + dir + " --in " + in)
                     .out)
        .at(0);
  };
  const auto tokens = generate().at("tokens").get<std::vector<int32_t>>();
  ASSERT_EQ(tokens.size(), 4u);
  // The token that came first is the third end of the second file that says ends.
  scratch_.write("model/generation_config.json",
                 nlohmann::json{{"eos_token_id", {2, 0, tokens[0]}}}.dump());
  const auto stopped = generate();
  EXPECT_EQ(stopped.at("tokens"), (std::vector<int32_t>{tokens[0]}));
  EXPECT_EQ(stopped.at("finish"), "stop_token");
  const std::string out = scratch_.at("out");
  ASSERT_EQ(run("export --snapshot " + dir + " --to " + out).code, 0);
  for (const char* file : {"/config.json", "/generation_config.json"}) {
    EXPECT_EQ(nlohmann::json::parse(read_file(out + file)).at("eos_token_id"),
              nlohmann::json({2, 0, tokens[0]}))
        << file;
  }
}

}  // namespace
}  // namespace charter::cli
