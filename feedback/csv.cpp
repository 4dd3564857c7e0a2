#include "feedback/csv.hpp"

#include <algorithm>
#include <cctype>

#include "feedback/conversation.hpp"
#include "feedback/text_file.hpp"

namespace charter::feedback {
namespace {

class Reader {
 public:
  Reader(const std::filesystem::path& file, std::string_view text) : file_(file), text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }

  void skip_comments() {
    while (!at_end() && text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1;
      ++line_;
    }
  }

  CsvRow row() {
    CsvRow out{line_, {}};
    while (true) {
      out.fields.push_back(at_end() || text_[at_] != '"' ? plain() : quoted());
      if (at_end()) return out;
      const char c = text_[at_++];
      if (c == ',') continue;
      if (c == '\r' && !at_end() && text_[at_] == '\n') ++at_;
      ++line_;
      return out;
    }
  }

 private:
  std::string plain() {
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    return field;
  }

  std::string quoted() {
    const std::int64_t opened = line_;
    std::string field;
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        field += text_[at_];
        continue;
      }
      if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += text_[at_++];
        continue;
      }
      ++at_;
      if (!at_end() && std::string_view(",\r\n").find(text_[at_]) == std::string_view::npos) {
        fail(file_, line_, "text after a closing quote, expected a comma or the end of the line");
      }
      return field;
    }
    fail(file_, opened, "a quote is opened and not closed before the end of the file");
  }

  const std::filesystem::path& file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  const auto same = [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (std::equal(columns[i].begin(), columns[i].end(), name.begin(), name.end(), same)) return i;
  }
  return std::nullopt;
}

CsvTable parse_csv(const std::filesystem::path& file, std::string_view text) {
  Reader reader(file, text);
  reader.skip_comments();
  CsvTable table;
  const CsvRow header = reader.row();
  table.line = header.line;
  for (const std::string& field : header.fields) table.columns.emplace_back(trim(field));
  while (!reader.at_end()) {
    CsvRow row = reader.row();
    if (row.fields.size() == 1 && trim(row.fields[0]).empty()) continue;
    if (row.fields.size() != table.columns.size()) {
      fail(file, row.line,
           "row has " + std::to_string(row.fields.size()) + " fields, expected " +
               std::to_string(table.columns.size()));
    }
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) fail(file, 0, "holds no row");
  return table;
}

}  // namespace charter::feedback
