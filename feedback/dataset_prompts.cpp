#include <unordered_set>

#include "feedback/csv.hpp"
#include "feedback/dataset_files.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

// A row of any kind, or why it is skipped.
struct Candidate {
  std::int64_t line = 0;
  PromptRow row;
  Read prompt = Skip::kEmpty;
};

Read prompt_of_row(const JsonRow& row) {
  if (row.value.contains("instruction")) return instruction_prompt(row);
  if (is_hh_row(row)) return opening_of(read_conversation(row, "chosen"));
  for (const char* key : {"prompt", "messages"}) {
    if (row.value.contains(key)) return prompt_of(read_conversation(row, key));
  }
  if (row.value.empty()) return Skip::kEmpty;
  fail_keys(row, "prompt", "prompt, messages, instruction, or chosen and rejected");
}

Candidate from_json(const JsonRow& row) {
  Candidate out{row.line, {}, prompt_of_row(row)};
  const auto* turns = std::get_if<Conversation>(&out.prompt);
  out.row.id = id_of_row(row);
  out.row.topic = row.text_or("topic", "");
  if (row.has("instruction") && row.value.contains("output")) {
    if (std::string reference = answer_text(row, "output"); !reference.empty())
      out.row.reference = std::move(reference);
  }
  out.row.split = split_of_row(row, turns == nullptr ? out.row.id : normalized(turns->back().text));
  return out;
}

std::vector<Candidate> from_csv(const Path& file, std::string_view text) {
  const CsvTable table = parse_csv(file, text);
  std::optional<std::size_t> column;
  for (const char* name : {"goal", "forbidden_prompt", "prompt", "objective"}) {
    if (!column) column = table.column(name);
  }
  if (!column) {
    std::string there;
    for (const std::string& name : table.columns) there += (there.empty() ? "" : ", ") + name;
    fail(file, table.line,
         "expected a column goal, forbidden_prompt, prompt or objective, separated "
         "by commas; the header has " +
             there);
  }
  const std::optional<std::size_t> topic = table.column("category"), split = table.column("split");
  std::vector<Candidate> rows;
  for (const CsvRow& line : table.rows) {
    Candidate out{line.line, {}, prompt_of(read_conversation(line.fields[*column]))};
    out.row.id = line_id(file, line.line);
    if (topic) out.row.topic = line.fields[*topic];
    const std::string own = split ? std::string(trim(line.fields[*split])) : "";
    out.row.split = own.empty() ? split_of(normalized(line.fields[*column]))
                                : split_named(file, line.line, own);
    rows.push_back(std::move(out));
  }
  return rows;
}

std::vector<Candidate> from_lines(const Path& file, std::string_view text) {
  std::vector<Candidate> rows;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trim(text.substr(begin, end - begin));
    ++number;
    begin = end + 1;
    if (line.empty()) continue;
    Candidate out{number, {}, prompt_of(read_conversation(line))};
    out.row.id = line_id(file, number);
    out.row.split = split_of(normalized(line));
    rows.push_back(std::move(out));
  }
  return rows;
}

std::vector<Candidate> rows_of(const Path& file) {
  if (extension_of(file) == ".csv") return from_csv(file, read_text(file));
  if (extension_of(file) == ".txt") return from_lines(file, read_text(file));
  std::vector<Candidate> rows;
  UniqueIds ids;
  for (const JsonRow& row : json_file_rows(
           file, "JSON rows, or by the file's name CSV (.csv) or one prompt a line (.txt)")) {
    rows.push_back(from_json(row));
    ids.add(file, row.line, rows.back().row.id);
  }
  return rows;
}

}  // namespace

Loaded<PromptRow> load_prompts(const std::vector<std::filesystem::path>& files) {
  Loaded<PromptRow> out;
  std::unordered_set<std::string> seen;
  for (const Path& file : files) {
    for (Candidate& candidate : rows_of(file)) {
      if (const Skip* why = std::get_if<Skip>(&candidate.prompt)) {
        out.skipped.add(*why, candidate.line);
        continue;
      }
      candidate.row.prompt = std::get<Conversation>(std::move(candidate.prompt));
      if (seen.insert(normalized(render(candidate.row.prompt))).second) {
        out.rows.push_back(std::move(candidate.row));
      } else {
        out.skipped.add(Skip::kRepeated, candidate.line);
      }
    }
  }
  if (out.rows.empty())
    fail(files.front(), 0, "no row holds a usable prompt: " + out.skipped.text());
  return out;
}

Loaded<PromptRow> load_prompts(const std::filesystem::path& file) {
  return load_prompts(std::vector<Path>{file});
}

}  // namespace charter::feedback
