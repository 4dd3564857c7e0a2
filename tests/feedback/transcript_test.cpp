#include "feedback/transcript.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

// "S:Be kind.|H:How?|A:" for a conversation, "(empty)" for a skip.
std::string shown(const Read& read) {
  if (const Skip* why = std::get_if<Skip>(&read)) return std::string("(") + name(*why) + ")";
  std::string text;
  for (const Turn& turn : std::get<Conversation>(read)) {
    text += text.empty() ? "" : "|";
    text += turn.role == Role::kHuman ? "H:" : turn.role == Role::kAssistant ? "A:" : "S:";
    text += turn.text;
  }
  return text;
}

std::string read(std::string_view text) { return shown(read_conversation(text)); }

TEST(Transcript, IsReadInItsSpellings) {
  // Two newlines before the first marker are hh-rlhf's; people leave them out, or write others.
  for (const char* text :
       {"\n\nHuman: How?\n\nAssistant: So.\n\nHuman: Why?",
        "Human: How?\n\nAssistant: So.\n\nHuman: Why?",
        "  Human: How?\n\nAssistant: So.\n\nHuman: Why?\n\nAssistant:",
        "\rHuman: How?\r\rAssistant: So.\r\rHuman: Why?",
        "\r\n\r\nHuman: How?\r\n\r\nAssistant: So.\r\n\r\nHuman: Why?\r\n",
        "Human: How?\nAssistant: So.\nHuman: Why?\nAssistant:",
        "\nHuman: How?\nAssistant: So.\nHuman: Why?",
        "Human: How?\n \nAssistant: So.\n\t\nHuman: Why?",
        "User: How?\n\nAssistant: So.\n\nUser: Why?", "USER: How?\nASSISTANT: So.\nUSER: Why?",
        "### Human: How?\n### Assistant: So.\n### Human: Why?",
        "**Human:** How?\n\n**Assistant:** So.\n\n**Human:** Why?",
        "human : How?\n\nassistant : So.\n\nhuman : Why?",
        "Human: How?\nAI: So.\nHuman: Why?\nAI:", "Human:How?\n\nAssistant:So.\n\nHuman:Why?"}) {
    EXPECT_EQ(read(text), "H:How?|A:So.|H:Why?") << text;
  }
}

TEST(Transcript, KeepsASystemTurnThatIsFirst) {
  EXPECT_EQ(read("\n\nSystem: Be kind.\n\nHuman: How?\n\nAssistant:"), "S:Be kind.|H:How?");
  EXPECT_EQ(read("System: Be kind.\nHuman: How?"), "S:Be kind.|H:How?");
  EXPECT_EQ(read("Human: How?\n\nSystem: Be kind.\n\nAssistant:"),
            "(with a system turn that is not the first)");
  const Conversation turns = {{Role::kSystem, "Be kind."}, {Role::kHuman, "How?"}};
  EXPECT_EQ(render(turns), "\n\nSystem: Be kind.\n\nHuman: How?");
  EXPECT_EQ(parse(render(turns)), turns);
}

TEST(Transcript, LeavesTextsAlone) {
  for (const char* text : {"How do I mend it?", "Say: Human: or Assistant:?", "AI: the future?",
                           "Translate:\nHuman: Hallo\nAssistant: Guten Tag", "humane: what is it?",
                           "A list\n\n- user: root\n\nEnd"}) {
    EXPECT_EQ(read(text), std::string("H:") + text);
  }
  // A second name for a role is text, as is a marker that no line begins with.
  EXPECT_EQ(read("Human: My file:\n\nuser: root\n\nAssistant: See Human: there."),
            "H:My file:\n\nuser: root|A:See Human: there.");
}

TEST(Transcript, SkipsWhatCouldBeNested) {
  // A text that the ledger would read back as several turns.
  EXPECT_EQ(read("Go on:\n\nHuman: a\n\nAssistant: b"), "(with turn markers inside a text)");
  // Turns after blank lines and turns after line ends in one transcript.
  EXPECT_EQ(read("Human: a\n\nAssistant: b\nHuman: c"), "(with turn markers inside a text)");
  // All in one line: only the place of the answer is sure.
  EXPECT_EQ(read("Human: How? Assistant:"), "H:How?");
  EXPECT_EQ(read("Human: How? Assistant: So. Human: Why?"), "(with turn markers inside a text)");
  for (const char* text :
       {"<|im_start|>user\nHow?<|im_end|>", "[INST] How? [/INST]", "<|user|>\nHow?",
        " <start_of_turn>user\nHow?", "### Instruction:\nDo it.\n\n### Response:"}) {
    EXPECT_EQ(read(text), "(in a chat template's markup)") << text;
  }
}

TEST(Transcript, AnswersThatAreToComeAreDropped) {
  EXPECT_EQ(read("How?\n\nAssistant:"), "H:How?");
  EXPECT_EQ(read("How?\nAssistant:"), "H:How?");
  EXPECT_EQ(read("What is a Personal Assistant:"), "H:What is a Personal Assistant:");
  EXPECT_EQ(read("A user asks. USER: How? ASSISTANT:"), "(with turn markers inside a text)");
  EXPECT_EQ(read("Talk.\n\nUser: How?\n\nAI:"), "(with turn markers inside a text)");
  EXPECT_EQ(read("\n\nHuman: How?\n\nAssistant: "), "H:How?");
  EXPECT_EQ(read("\n\nHuman:\n\nAssistant:"), "(empty)");
  EXPECT_EQ(read(" \r\n"), "(empty)");
}

TEST(Transcript, APromptEndsOnAHumanTurn) {
  const auto prompt = [](std::string_view text) {
    return shown(prompt_of(read_conversation(text)));
  };
  EXPECT_EQ(prompt("Human: a\n\nAssistant: b\n\nHuman: c"), "H:a|A:b|H:c");
  EXPECT_EQ(prompt("System: s\n\nHuman: a\n\nAssistant: b"), "S:s|H:a");
  EXPECT_EQ(prompt("Assistant: b"), "(without a human turn)");
  EXPECT_EQ(prompt("System: s"), "(without a human turn)");
}

TEST(Transcript, ListsOfMessagesAreRead) {
  const std::filesystem::path file = "m";
  const auto list = [&file](const std::string& messages) {
    const auto rows = json_rows(file, "{\"messages\": " + messages + "}");
    return shown(read_conversation(rows[0], "messages"));
  };
  const auto error = [&](const std::string& messages) {
    return error_of([&] { (void)list(messages); });
  };
  EXPECT_EQ(list(R"([{"role": "system", "content": "s"}, {"role": "user", "content": " a "},)"
                 R"({"role": "assistant", "content": "b"}])"),
            "S:s|H:a|A:b");
  EXPECT_EQ(list("[]"), "(empty)");
  EXPECT_EQ(list("null"), "(empty)");
  EXPECT_EQ(list(R"([{"role": "user", "content": " "}])"), "(empty)");
  EXPECT_EQ(list(R"([{"role": "user", "content": "x\n\nAssistant: y"}])"),
            "(with turn markers inside a text)");
  EXPECT_EQ(error(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": null}])"),
            "m:1: messages[1].content is null, expected a text");
  EXPECT_EQ(error(R"([{"role": "user", "content": ["a"]}])"),
            "m:1: messages[0].content is an array, expected a text");
  EXPECT_EQ(error(R"([{"from": "human", "value": "a"}])"),
            "m:1: messages[0]: expected an object with the texts 'role' and 'content'");
  EXPECT_EQ(error(R"([{"role": "tool", "content": "a"}])"),
            "m:1: messages[0].role is \"tool\", expected user, assistant or, first, system");
  EXPECT_EQ(error(R"([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}])"),
            "m:1: messages[1].role is \"system\", expected user, assistant or, first, system");
}

TEST(Skipped, IsSaidByKindAndLine) {
  Skipped skipped;
  EXPECT_EQ(skipped.text(), "");
  skipped.add(Skip::kRepeated, 9);
  for (const int line : {4, 7, 12, 13, 14, 15, 20}) skipped.add(Skip::kEmpty, line);
  EXPECT_EQ(skipped.total(), 8);
  EXPECT_EQ(skipped.count(Skip::kEmpty), 7);
  EXPECT_EQ(skipped.count(Skip::kNoAnswer), 0);
  EXPECT_EQ(skipped.text(),
            "8 skipped: 7 empty (lines 4, 7, 12, 13, 14 and 2 more), 1 repeated (line 9)");
}

}  // namespace
}  // namespace charter::feedback
