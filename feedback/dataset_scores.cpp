#include <charconv>
#include <map>
#include <variant>

#include "feedback/dataset_files.hpp"
#include "feedback/posts_xml.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

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

using Result = std::variant<PmpQuestion, Skip>;

Result from_json(const JsonRow& row) {
  if (row.value.empty()) return Skip::kEmpty;
  for (const char* key : {"question", "answers"}) {
    if (!row.value.contains(key)) fail_keys(row, key, "question and answers");
  }
  Read question = prompt_of(read_conversation(row, "question"));
  if (const Skip* why = std::get_if<Skip>(&question)) return *why;
  if (!row.has("answers")) return Skip::kNoAnswer;
  PmpQuestion out;
  out.id = id_of_row(row);
  out.question = std::get<Conversation>(std::move(question));
  out.split = split_of_row(row, normalized(out.question.back().text));
  for (const nlohmann::json& item : row.array("answers")) {
    const JsonRow answer{row.file, row.line, item, row.number};
    if (!item.is_object()) fail(*row.file, row.line, "key 'answers': expected objects");
    ScoredAnswer scored{answer_text(answer, "text"), answer.integer("votes"),
                        answer.has("accepted") && answer.boolean("accepted")};
    if (!scored.text.empty()) out.answers.push_back(std::move(scored));
  }
  if (out.answers.empty()) return Skip::kNoAnswer;
  return out;
}

struct Question {
  std::int64_t line = 0;
  PmpQuestion row;
  Read question = Skip::kEmpty;
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
    question.line = row.line;
    question.question =
        prompt_of(read_conversation(std::string(trim(row.get("Title"))) + "\n\n" + body));
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
      out.skipped.add(Skip::kNoAnswer, question.line);
    } else if (const Skip* why = std::get_if<Skip>(&question.question)) {
      out.skipped.add(*why, question.line);
    } else {
      question.row.question = std::get<Conversation>(std::move(question.question));
      out.rows.push_back(std::move(question.row));
    }
  }
  return out;
}

}  // namespace

Loaded<PmpQuestion> load_pmp(const std::filesystem::path& file) {
  Loaded<PmpQuestion> out;
  if (extension_of(file) == ".xml") {
    out = from_posts(file);
  } else {
    UniqueIds ids;
    for (const JsonRow& row : json_file_rows(file, "JSON rows, or by the file's name Posts.xml")) {
      Result result = from_json(row);
      if (const Skip* why = std::get_if<Skip>(&result)) {
        out.skipped.add(*why, row.line);
        continue;
      }
      out.rows.push_back(std::get<PmpQuestion>(std::move(result)));
      ids.add(file, row.line, out.rows.back().id);
    }
  }
  if (out.rows.empty()) fail(file, 0, "holds no question with an answer: " + out.skipped.text());
  return out;
}

}  // namespace charter::feedback
