#include <charconv>
#include <map>

#include "feedback/csv.hpp"
#include "feedback/dataset_files.hpp"
#include "feedback/posts_xml.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

std::size_t need_column(const Path& file, const CsvTable& table, std::string_view name) {
  const std::optional<std::size_t> at = table.column(name);
  if (!at) fail(file, 1, "column '" + std::string(name) + "' is missing");
  return *at;
}

double number_in(const Path& file, std::int64_t line, std::string_view text, double low,
                 double high) {
  const std::string_view digits = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || !(value >= low && value <= high)) {
    fail(file, line,
         "'" + std::string(digits) + "', expected a number in [" + std::to_string(low) + ", " +
             std::to_string(high) + "]");
  }
  return value;
}

std::int64_t integer_of(const Path& file, const XmlRow& row, std::string_view attribute) {
  const std::string_view text = row.get(attribute);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    fail(file, row.line,
         "attribute '" + std::string(attribute) + "' is '" + std::string(text) +
             "', expected an integer");
  }
  return value;
}

PmpQuestion from_json(const JsonRow& row) {
  PmpQuestion out;
  out.id = id_of_row(row);
  out.question = row.nonempty_text("question");
  out.split = split_of_row(row, normalized(out.question));
  for (const nlohmann::json& item : row.array("answers")) {
    const JsonRow answer{row.file, row.line, item, row.number};
    if (!item.is_object()) fail(*row.file, row.line, "key 'answers': expected objects");
    out.answers.push_back({answer.nonempty_text("text"), answer.integer("votes"),
                           answer.has("accepted") && answer.boolean("accepted")});
  }
  if (out.answers.empty()) fail(*row.file, row.line, "key 'answers' is empty");
  return out;
}

struct Question {
  PmpQuestion row;
  std::string accepted;
};

Loaded<PmpQuestion> from_posts(const Path& file) {
  std::map<std::int64_t, Question> questions;
  std::multimap<std::int64_t, std::pair<std::string, ScoredAnswer>> answers;
  read_posts(file, [&](const XmlRow& row) {
    const std::string_view type = row.get("PostTypeId");
    if (type != "1" && type != "2") return;
    const std::int64_t id = integer_of(file, row, "Id");
    std::string body = html_to_text(row.get("Body"));
    if (type == "2") {
      answers.emplace(integer_of(file, row, "ParentId"),
                      std::pair(std::to_string(id),
                                ScoredAnswer{std::move(body), integer_of(file, row, "Score")}));
      return;
    }
    Question& question = questions[id];
    question.accepted = row.get("AcceptedAnswerId");
    question.row.id = line_id(file, id);
    question.row.question = std::string(trim(row.get("Title"))) + "\n\n" + body;
    question.row.split = split_of(question.row.id);
    question.row.source = LabelSource::kHuman;
  });
  Loaded<PmpQuestion> out;
  for (auto& [id, question] : questions) {
    const auto [begin, end] = answers.equal_range(id);
    for (auto at = begin; at != end; ++at) {
      auto& [answer_id, answer] = at->second;
      answer.accepted = answer_id == question.accepted;
      if (!answer.text.empty()) question.row.answers.push_back(std::move(answer));
    }
    if (question.row.answers.empty()) {
      ++out.skipped;
    } else {
      out.rows.push_back(std::move(question.row));
    }
  }
  return out;
}

}  // namespace

Loaded<PmpQuestion> load_pmp(const std::filesystem::path& file) {
  Loaded<PmpQuestion> out;
  if (file.extension() == ".xml") {
    out = from_posts(file);
  } else {
    const std::string text = read_text(file);
    UniqueIds ids;
    for (const JsonRow& row : json_rows(file, text)) {
      out.rows.push_back(from_json(row));
      ids.add(file, row.line, out.rows.back().id);
    }
  }
  if (out.rows.empty()) fail(file, 0, "holds no question with an answer");
  return out;
}

Loaded<HarmScoreRow> load_harm_scores(const std::filesystem::path& file) {
  const CsvTable table = parse_csv(file, read_text(file));
  const std::size_t category = need_column(file, table, "harm_category");
  const std::size_t prompt = need_column(file, table, "objective");
  const std::size_t response = need_column(file, table, "assistant_response");
  std::vector<std::size_t> scores;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].starts_with("human_score")) scores.push_back(i);
  }
  if (scores.empty()) fail(file, 1, "column 'human_score_1' is missing");
  Loaded<HarmScoreRow> out;
  for (const CsvRow& line : table.rows) {
    HarmScoreRow row{line_id(file, line.line),
                     line.fields[category],
                     line.fields[prompt],
                     std::string(trim(line.fields[response])),
                     0,
                     split_of(normalized(line.fields[prompt]))};
    double sum = 0;
    for (const std::size_t at : scores) sum += number_in(file, line.line, line.fields[at], 0, 1);
    row.harm = 4 * sum / static_cast<double>(scores.size());  // the paper's scale
    out.rows.push_back(std::move(row));
  }
  return out;
}

Loaded<RefusalRow> load_refusals(const std::filesystem::path& file) {
  const CsvTable table = parse_csv(file, read_text(file));
  const std::size_t prompt = need_column(file, table, "objective");
  const std::size_t response = need_column(file, table, "assistant_response");
  const std::size_t score = need_column(file, table, "human_score");
  Loaded<RefusalRow> out;
  for (const CsvRow& line : table.rows) {
    const double value = number_in(file, line.line, line.fields[score], 0, 1);
    if (value != 0 && value != 1) fail(file, line.line, "column 'human_score': expected 0 or 1");
    out.rows.push_back({line.fields[prompt], line.fields[response], value == 1});
  }
  return out;
}

}  // namespace charter::feedback
