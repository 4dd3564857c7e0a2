// What the loaders of datasets.hpp share; internal to the folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "feedback/conversation.hpp"
#include "feedback/datasets.hpp"
#include "feedback/json_rows.hpp"
#include "feedback/transcript.hpp"

namespace charter::feedback {

// "split" of a row, or a split by `key` if the row has none.
[[nodiscard]] Split split_of_row(const JsonRow& row, std::string_view key);
// Throws for a name that is none.
[[nodiscard]] Split split_named(const std::filesystem::path& file, std::int64_t line,
                                const std::string& name);

// "id" of a row, a text or a whole number, or "STEM-LINE"; in a JSON array "STEM-POSITION".
[[nodiscard]] std::string id_of_row(const JsonRow& row);

// "STEM-LINE", STEM being the file's name up to its first dot.
[[nodiscard]] std::string line_id(const std::filesystem::path& file, std::int64_t line);

// Fails at the first row whose id an earlier one has: work is told apart by it, so that the second
// would vanish.
class UniqueIds {
 public:
  void add(const std::filesystem::path& file, std::int64_t line, const std::string& id);

 private:
  std::unordered_set<std::string> seen_;
};

// The rows of a file in JSON. Throws for a file that is a table or a text by its name or its first
// byte; expected: what this key of the configuration takes.
[[nodiscard]] std::vector<JsonRow> json_file_rows(const std::filesystem::path& file,
                                                  const char* expected);

// Throws naming the key that a row lacks, those that would do, and those that it has.
[[noreturn]] void fail_keys(const JsonRow& row, const char* missing, const char* expected);

// A trimmed text, or a number's text; "" for a null.
[[nodiscard]] std::string answer_text(const JsonRow& row, const char* key);

// Whole conversations to compare, as in hh-rlhf: "chosen" and "rejected" without a prompt.
[[nodiscard]] bool is_hh_row(const JsonRow& row);

// instruction, then a blank line and input if there is one (Alpaca, PandaLM).
[[nodiscard]] Read instruction_prompt(const JsonRow& row);

// Lower case, letters and digits only, single spaces: equal for texts that differ in layout.
[[nodiscard]] std::string normalized(std::string_view text);

}  // namespace charter::feedback
