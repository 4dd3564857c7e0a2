#include <charconv>
#include <map>

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

}  // namespace charter::feedback
