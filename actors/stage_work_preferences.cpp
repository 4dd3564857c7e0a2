// Work of the phases that compare two answers: labels, the preference model's training and
// measurement, the evaluation.
#include "actors/stage_work_parts.hpp"
#include "feedback/labelled_pair.hpp"

namespace charter::actors {

using feedback::Split;

namespace {

// A labelled comparison in seeded order.
ComparisonWork comparison(const Maker& make, const feedback::ComparisonRow& row,
                          const std::string& purpose) {
  const auto pair = feedback::labelled_pair(row, make.seed());
  return {.comparison_id = row.id,
          .prompt = feedback::render(row.prompt),
          .first = pair.pair.first,
          .second = pair.pair.second,
          .p_first = pair.first_better ? 1.0 : 0.0,
          .source = std::string(feedback::name(row.source)),
          .purpose = purpose};
}

std::vector<feedback::ComparisonRow> comparisons(const Maker& make, bool harmlessness,
                                                 std::optional<Split> split, int32_t most,
                                                 uint64_t salt) {
  const auto& d = make.config().data;
  auto rows =
      feedback::load_comparisons(
          harmlessness
              ? data_file(make.context, d.harmlessness_eval, "preferences/harmlessness_eval.jsonl")
              : data_file(make.context, d.helpfulness, "preferences/helpfulness.jsonl"))
          .rows;
  if (split) std::erase_if(rows, [&](const auto& row) { return row.split != *split; });
  if (split && !harmlessness)
    make.drop_used(rows, UsedPrompts::of_comparisons(make.ledger), *split, "data.helpfulness");
  make.shuffle(rows, salt);
  if (static_cast<int32_t>(rows.size()) > most) rows.erase(rows.begin() + most, rows.end());
  return rows;
}

// The evaluation's judge differs from the labeller by its principles, not by its method.
const std::string& evaluation_method(const Maker& make) { return make.config().label.method; }

}  // namespace

Items label_work(const Maker& make) {
  const auto rows = make.prompts(true, Split::kTrain, 4);
  Items items;
  for (int32_t i = 0; i < make.config().label.comparisons && !rows.empty(); ++i) {
    const auto& row = rows[static_cast<size_t>(i) % rows.size()];
    items.push_back(
        make.item("pair", row.id, i / static_cast<int32_t>(rows.size()), prompt_work(row, true)));
  }
  return items;
}

// The labeller in both methods, then the evaluation's judge in the way that the evaluation asks it:
// its verdicts are worth no more than its accuracy here.
Items judge_check_work(const Maker& make) {
  Items items;
  for (const auto& row : comparisons(make, true, {}, make.config().label.check_pairs, 5))
    for (const char* method : {feedback::kLikelihoodContrast, feedback::kMultipleChoice}) {
      auto work = comparison(make, row, "check");
      work.method = method;
      items.push_back(make.item("judge", row.id + "/" + method, 0, work));
    }
  for (const std::string purpose : {"harmlessness", "helpfulness"}) {
    const bool harmlessness = purpose == "harmlessness";
    const auto split = harmlessness ? std::optional<Split>{} : std::optional(Split::kHeldOut);
    for (const auto& row :
         comparisons(make, harmlessness, split, make.config().label.check_pairs, 5)) {
      auto work = comparison(make, row, "check_" + purpose);
      work.method = evaluation_method(make);
      items.push_back(make.item("judge", "evaluation/" + purpose + "/" + row.id, 0, work));
    }
  }
  return items;
}

Items pmp_work(const Maker& make) {
  auto questions =
      feedback::load_pmp(data_file(make.context, make.config().data.pmp, "preferences/pmp.jsonl"))
          .rows;
  std::erase_if(questions, [](const auto& q) { return q.split != Split::kTrain; });
  make.shuffle(questions, 6);
  Items items;
  for (const auto& q : questions)
    for (const auto& [better, worse] : feedback::pmp_pairs(q, 10, make.seed())) {
      if (static_cast<int32_t>(items.size()) >= make.config().pm_train.pmp_pairs) return items;
      const auto id = q.id + "/" + std::to_string(better) + ">" + std::to_string(worse);
      // Which side is first is drawn, so that a model cannot learn the place.
      const bool swap =
          feedback::draw_index(
              {.seed = make.seed(), .work_id = feedback::stable_hash(id), .round = 0}, 2) == 1;
      ComparisonWork work{.comparison_id = id,
                          .prompt = feedback::render(q.question),
                          .first = q.answers[swap ? worse : better].text,
                          .second = q.answers[swap ? better : worse].text,
                          .p_first = swap ? 0.0 : 1.0,
                          .source = std::string(feedback::name(q.source))};
      items.push_back(make.item("pmp", id, 0, work));
    }
  return items;
}

Items pm_train_work(const Maker& make) {
  const auto& c = make.config().pm_train;
  Items human, ai;
  for (const auto& row : comparisons(make, false, Split::kTrain, c.helpfulness_pairs, 7))
    human.push_back(
        make.item("preference", "helpfulness/" + row.id, 0, comparison(make, row, "helpfulness")));
  make.ledger.for_each_record("label", "pair", [&](const store::RecordRow& row) {
    if (static_cast<int32_t>(ai.size()) >= c.harmlessness_pairs) return false;
    const auto r = nlohmann::json::parse(row.record.body).get<PreferenceRecord>();
    ComparisonWork work{.comparison_id = r.prompt_id,
                        .prompt = r.prompt,
                        .first = r.first,
                        .second = r.second,
                        .p_first = r.p_first,
                        .source = "ai",
                        .purpose = "harmlessness"};
    ai.push_back(make.item("preference", "harmlessness/" + r.prompt_id, row.item.repeat, work));
    return true;
  });
  return interleave(human, ai);
}

Items pm_score_work(const Maker& make) {
  Items items;
  const int32_t most = make.config().pm_train.eval_pairs;
  for (const bool harmlessness : {false, true}) {
    const auto split = harmlessness ? std::optional<Split>{} : std::optional(Split::kHeldOut);
    const std::string purpose = harmlessness ? "harmlessness" : "helpfulness";
    for (const auto& row : comparisons(make, harmlessness, split, most, 8))
      items.push_back(
          make.item("score", purpose + "/" + row.id, 0, comparison(make, row, purpose)));
  }
  return items;
}

Items eval_judge_work(const Maker& make) {
  std::map<std::string, std::map<std::string, ResponseRecord>>
      answers;  // prompt -> snapshot -> answer
  make.ledger.for_each_record("eval_generate", "eval", [&](const store::RecordRow& row) {
    auto r = nlohmann::json::parse(row.record.body).get<ResponseRecord>();
    answers[r.prompt_id][r.snapshot] = std::move(r);
    return true;
  });
  Items items;
  for (const auto& [prompt, by_snapshot] : answers)
    for (auto left = by_snapshot.begin(); left != by_snapshot.end(); ++left)
      for (auto right = std::next(left); right != by_snapshot.end(); ++right) {
        const auto& a = left->second;
        const auto& b = right->second;
        if (answer_pair(a.response, b.response) != AnswerPair::kCompared) continue;
        ComparisonWork work{.comparison_id = prompt,
                            .prompt = a.prompt,
                            .first = a.response,
                            .second = b.response,
                            .method = evaluation_method(make),
                            .purpose = a.group == "red_team" ? "harmlessness" : "helpfulness",
                            .left = left->first,
                            .right = right->first};
        items.push_back(
            make.item("judge", prompt + "/" + left->first + "/" + right->first, 0, work));
      }
  return items;
}

}  // namespace charter::actors
