// Conversations as people's files hold them: a text, a transcript in one of several spellings, or a
// list of messages. Whatever is read comes back from parse(render()) as it is, so that no turn is
// ever found inside another one's text.
#pragma once

#include <string_view>
#include <variant>

#include "feedback/conversation.hpp"
#include "feedback/json_rows.hpp"
#include "feedback/skipped.hpp"

namespace charter::feedback {

using Read = std::variant<Conversation, Skip>;

// A text that begins with a turn marker is a transcript: "Human:", "User:", "Assistant:" or
// "System:" in any case and with or without Markdown around it ("### Human:", "**User:**"), after
// any white space. Its turns begin at markers after a blank line or, if there is none, at the
// beginning of a line; of names for a role the first one counts ("AI:" and "Bot:" too, later on).
// Any other text is one human turn. A bare assistant marker at the end is dropped. Line ends become
// those of Unix.
[[nodiscard]] Read read_conversation(std::string_view text);

// A text as above, or a list of {role, content} under `key` of a row: roles user (human),
// assistant and, first, system. A null is as empty. Throws std::runtime_error "FILE:LINE:
// KEY[1].content is null, expected a text" for another type.
[[nodiscard]] Read read_conversation(const JsonRow& row, const char* key);

// Whether a text begins with a turn marker.
[[nodiscard]] bool is_transcript(std::string_view text);

// The first human turn of a conversation, after its system turn.
[[nodiscard]] Read opening_of(Read read);

// What a model is asked: a conversation that ends on a human turn as it is, of another the opening.
[[nodiscard]] Read prompt_of(Read read);

}  // namespace charter::feedback
