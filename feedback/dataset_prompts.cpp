#include <unordered_set>

#include "feedback/csv.hpp"
#include "feedback/dataset_files.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

PromptRow from_json(const JsonRow& row) {
  PromptRow out;
  out.id = id_of_row(row);
  if (row.has("instruction")) {
    out.prompt = single_turn(instruction_prompt(row));
    if (const std::string reference = row.text_or("output", ""); !trim(reference).empty()) {
      out.reference = std::string(trim(reference));
    }
  } else if (is_hh_row(row)) {
    const Conversation turns = transcript_of_row(row, "chosen");
    const auto human = std::find_if(turns.begin(), turns.end(), [](const Turn& turn) {
      return turn.role == Role::kHuman && !turn.text.empty();
    });
    // An empty prompt marks a row without a usable turn; the caller skips it.
    if (human != turns.end()) out.prompt = {*human};
  } else {
    out.prompt = prompt_of_row(row, "prompt");
    out.topic = row.text_or("topic", "");
  }
  out.split = split_of_row(row, out.prompt.empty() ? out.id : normalized(out.prompt.back().text));
  return out;
}

std::vector<PromptRow> from_csv(const Path& file, std::string_view text) {
  const CsvTable table = parse_csv(file, text);
  std::optional<std::size_t> column;
  for (const char* name : {"goal", "forbidden_prompt", "prompt", "objective"}) {
    if (!column) column = table.column(name);
  }
  if (!column) fail(file, 1, "expected a column goal, forbidden_prompt, prompt or objective");
  const std::optional<std::size_t> topic = table.column("category");
  std::vector<PromptRow> rows;
  for (const CsvRow& line : table.rows) {
    const std::string_view prompt = trim(line.fields[*column]);
    if (prompt.empty()) fail(file, line.line, "column '" + table.columns[*column] + "' is empty");
    PromptRow row;
    row.id = line_id(file, line.line);
    row.prompt = single_turn(prompt);
    if (topic) row.topic = line.fields[*topic];
    row.split = split_of(normalized(prompt));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<PromptRow> from_lines(const Path& file, std::string_view text) {
  std::vector<PromptRow> rows;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trim(text.substr(begin, end - begin));
    ++number;
    begin = end + 1;
    if (line.empty()) continue;
    PromptRow row;
    row.id = line_id(file, number);
    row.prompt = single_turn(line);
    row.split = split_of(normalized(line));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<PromptRow> rows_of(const Path& file) {
  const std::string text = read_text(file);
  if (file.extension() == ".csv") return from_csv(file, text);
  if (file.extension() == ".txt") return from_lines(file, text);
  std::vector<PromptRow> rows;
  UniqueIds ids;
  for (const JsonRow& row : json_rows(file, text)) {
    rows.push_back(from_json(row));
    ids.add(file, row.line, rows.back().id);
  }
  return rows;
}

}  // namespace

Loaded<PromptRow> load_prompts(const std::vector<std::filesystem::path>& files) {
  Loaded<PromptRow> out;
  std::unordered_set<std::string> seen;
  for (const Path& file : files) {
    for (PromptRow& row : rows_of(file)) {
      const bool usable = !row.prompt.empty() && seen.insert(normalized(render(row.prompt))).second;
      if (usable) {
        out.rows.push_back(std::move(row));
      } else {
        ++out.skipped;
      }
    }
  }
  return out;
}

Loaded<PromptRow> load_prompts(const std::filesystem::path& file) {
  return load_prompts(std::vector<Path>{file});
}

}  // namespace charter::feedback
