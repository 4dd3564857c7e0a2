// What the loaders of datasets.hpp share; internal to the folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>

#include "feedback/conversation.hpp"
#include "feedback/datasets.hpp"
#include "feedback/text_file.hpp"

namespace charter::feedback {

// "split" of a row, or a split by `key` if the row has none.
[[nodiscard]] Split split_of_row(const JsonRow& row, std::string_view key);

// "id" of a row, or "STEM-LINE"; in a JSON array "STEM-POSITION".
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

// parse_prompt / parse of a key, with the row's place in the error.
[[nodiscard]] Conversation prompt_of_row(const JsonRow& row, const char* key);
[[nodiscard]] Conversation transcript_of_row(const JsonRow& row, const char* key);

// An hh-rlhf row: {"chosen": transcript, "rejected": transcript} without a prompt.
[[nodiscard]] bool is_hh_row(const JsonRow& row);

// instruction, then a blank line and input if there is one (Alpaca, PandaLM).
[[nodiscard]] std::string instruction_prompt(const JsonRow& row);

// Lower case, letters and digits only, single spaces: equal for texts that differ in layout.
[[nodiscard]] std::string normalized(std::string_view text);

}  // namespace charter::feedback
