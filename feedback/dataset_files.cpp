#include "feedback/dataset_files.hpp"

#include <cctype>
#include <stdexcept>

namespace charter::feedback {

Split split_of_row(const JsonRow& row, std::string_view key) {
  if (!row.has("split")) return split_of(key);
  const std::string value = row.text("split");
  if (value == "train") return Split::kTrain;
  if (value == "held_out") return Split::kHeldOut;
  fail(*row.file, row.line, "key 'split' is '" + value + "', expected 'train' or 'held_out'");
}

std::string line_id(const std::filesystem::path& file, std::int64_t line) {
  const std::string name = file.filename().string();
  return name.substr(0, name.find('.')) + "-" + std::to_string(line);
}

std::string id_of_row(const JsonRow& row) {
  return row.has("id") ? row.nonempty_text("id") : line_id(*row.file, row.number);
}

void UniqueIds::add(const std::filesystem::path& file, std::int64_t line, const std::string& id) {
  if (!seen_.insert(id).second) fail(file, line, "id '" + id + "' is used twice");
}

Conversation prompt_of_row(const JsonRow& row, const char* key) {
  const std::string text = row.text(key);
  try {
    return parse_prompt(text);
  } catch (const std::runtime_error& error) {
    fail(*row.file, row.line, "key '" + std::string(key) + "': " + error.what());
  }
}

Conversation transcript_of_row(const JsonRow& row, const char* key) {
  const std::string text = row.text(key);
  try {
    return parse(text);
  } catch (const std::runtime_error& error) {
    fail(*row.file, row.line, "key '" + std::string(key) + "': " + error.what());
  }
}

bool is_hh_row(const JsonRow& row) {
  return row.has("chosen") && row.has("rejected") && !row.has("prompt");
}

std::string instruction_prompt(const JsonRow& row) {
  const std::string instruction = row.text("instruction");
  const std::string input = row.text_or("input", "");
  const std::string_view first = trim(instruction), second = trim(input);
  if (first.empty() && second.empty()) {
    fail(*row.file, row.line, "keys 'instruction' and 'input' are both empty");
  }
  std::string prompt(first);
  if (!first.empty() && !second.empty()) prompt += "\n\n";
  return prompt.append(second);
}

std::string normalized(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || c >= 0x80) {
      out += static_cast<char>(std::tolower(c));
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace charter::feedback
