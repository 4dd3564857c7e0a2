#include "feedback/dataset_files.hpp"

#include <cctype>
#include <stdexcept>

namespace charter::feedback {

Split split_named(const std::filesystem::path& file, std::int64_t line, const std::string& name) {
  if (name == "train") return Split::kTrain;
  for (const char* held_out : {"held_out", "test", "validation"}) {
    if (name == held_out) return Split::kHeldOut;
  }
  fail(file, line,
       "key 'split' is '" + name + "', expected 'train', or 'held_out', 'test' or 'validation'");
}

Split split_of_row(const JsonRow& row, std::string_view key) {
  return row.has("split") ? split_named(*row.file, row.line, row.text("split")) : split_of(key);
}

std::string line_id(const std::filesystem::path& file, std::int64_t line) {
  const std::string name = file.filename().string();
  return name.substr(0, name.find('.')) + "-" + std::to_string(line);
}

std::string id_of_row(const JsonRow& row) {
  if (!row.has("id")) return line_id(*row.file, row.number);
  return row.value["id"].is_number() ? std::to_string(row.integer("id")) : row.nonempty_text("id");
}

void UniqueIds::add(const std::filesystem::path& file, std::int64_t line, const std::string& id) {
  if (!seen_.insert(id).second) fail(file, line, "id '" + id + "' is used twice");
}

std::vector<JsonRow> json_file_rows(const std::filesystem::path& file, const char* expected) {
  const std::string text = read_text(file);
  const std::string kind = extension_of(file);
  const char first = text[text.find_first_not_of(" \t\r\n")];
  const bool json = first == '{' || first == '[';
  if (kind == ".tsv" || kind == ".csv" || kind == ".txt" || !json) {
    const std::string_view line = trim(std::string_view(text).substr(0, text.find('\n')));
    const std::string is =
        kind == ".tsv"   ? "is a table separated by tabs"
        : kind == ".csv" ? "is a table"
        : kind == ".txt"
            ? "is plain text"
            : "begins with " + nlohmann::json(line.substr(0, 40))
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    fail(file, 0, is + ", expected " + expected);
  }
  return json_rows(file, text);
}

void fail_keys(const JsonRow& row, const char* missing, const char* expected) {
  std::string there;
  for (const auto& [key, value] : row.value.items()) there += (there.empty() ? "" : ", ") + key;
  fail(*row.file, row.line,
       "key '" + std::string(missing) + "' is missing, expected " + expected + "; the row has " +
           there);
}

std::string answer_text(const JsonRow& row, const char* key) {
  const auto found = row.value.find(key);
  if (found != row.value.end() && found->is_null()) return "";
  if (found != row.value.end() && found->is_number()) return found->dump();
  const std::string text = row.text(key);
  return std::string(trim(text));
}

bool is_hh_row(const JsonRow& row) {
  return row.value.contains("chosen") && row.value.contains("rejected") && !row.has("prompt");
}

Read instruction_prompt(const JsonRow& row) {
  const std::string instruction = row.text_or("instruction", "");
  const std::string input = row.text_or("input", "");
  const std::string_view first = trim(instruction), second = trim(input);
  std::string prompt(first);
  if (!first.empty() && !second.empty()) prompt += "\n\n";
  return prompt_of(read_conversation(prompt.append(second)));
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
