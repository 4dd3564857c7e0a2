#include "feedback/conversation.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::feedback {
namespace {

const Conversation kThreeTurns = {
    {Role::kHuman, "Hi."}, {Role::kAssistant, "Hello!\n\nHow are you?"}, {Role::kHuman, "Fine"}};

TEST(Conversation, RendersTheProcedureFormatByteForByte) {
  EXPECT_EQ(render(kThreeTurns),
            "\n\nHuman: Hi.\n\nAssistant: Hello!\n\nHow are you?\n\nHuman: Fine");
  EXPECT_EQ(render_prompt(kThreeTurns), render(kThreeTurns) + "\n\nAssistant:");
}

TEST(Conversation, RendersAnEmptyTurnWithoutATrailingSpace) {
  EXPECT_EQ(render({{Role::kHuman, "a"}, {Role::kAssistant, ""}}), "\n\nHuman: a\n\nAssistant:");
}

TEST(Conversation, ParseIsTheInverseOfRender) {
  EXPECT_EQ(parse(render(kThreeTurns)), kThreeTurns);
}

TEST(Conversation, ParseDropsWhiteSpaceAroundATurn) {
  EXPECT_EQ(parse("\n\nHuman:   a b \n\nAssistant: c\n"),
            (Conversation{{Role::kHuman, "a b"}, {Role::kAssistant, "c"}}));
}

TEST(Conversation, ParseRefusesTextThatBeginsWithoutAMarker) {
  EXPECT_THROW((void)parse("Human: a"), std::runtime_error);
  EXPECT_THROW((void)parse(""), std::runtime_error);
}

TEST(Conversation, APromptIsOneTurnOrATranscriptThatEndsOnTheHuman) {
  EXPECT_EQ(parse_prompt(" How? "), single_turn("How?"));
  EXPECT_EQ(parse_prompt("\n\nHuman: How?\n\nAssistant:"), single_turn("How?"));
  EXPECT_THROW((void)parse_prompt("\n\nHuman: a\n\nAssistant: b"), std::runtime_error);
  EXPECT_THROW((void)parse_prompt(" \n"), std::runtime_error);
}

}  // namespace
}  // namespace charter::feedback
