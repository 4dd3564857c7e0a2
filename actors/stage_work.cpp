#include "actors/stage_work.hpp"

#include <algorithm>
#include <functional>

#include "actors/work.hpp"
#include "feedback/counter_rng.hpp"
#include "feedback/datasets.hpp"
#include "feedback/labelled_pair.hpp"

namespace charter::actors {
namespace {

using feedback::Split;
using Items = std::vector<store::WorkItem>;

struct Maker {
  const NodeContext& context;
  const store::Ledger& ledger;
  const Phase& phase;

  [[nodiscard]] const config::RunConfig& config() const { return context.config; }
  [[nodiscard]] uint64_t seed() const { return static_cast<uint64_t>(config().run.seed); }

  // Seeded order of `rows`; salt tells one use of the same rows from another.
  template <class Row>
  void shuffle(std::vector<Row>& rows, uint64_t salt) const {
    for (size_t i = rows.size(); i > 1; --i)
      std::swap(rows[i - 1], rows[feedback::draw_index({.seed = seed(), .work_id = salt, .round = i}, i)]);
  }

  [[nodiscard]] std::vector<feedback::PromptRow> prompts(bool red_team, Split split, uint64_t salt) const {
    const auto path = red_team ? data_file(context, config().data.red_team, "prompts/red_team.jsonl")
                               : data_file(context, config().data.helpful, "prompts/helpful.jsonl");
    auto rows = feedback::load_prompts(path).rows;
    std::erase_if(rows, [split](const auto& row) { return row.split != split; });
    shuffle(rows, salt);
    return rows;
  }

  [[nodiscard]] store::WorkItem item(std::string kind, std::string prompt_id, int64_t repeat, const nlohmann::json& payload) const {
    return {.stage = phase.name, .kind = std::move(kind), .prompt_id = std::move(prompt_id), .repeat = repeat, .payload = payload.dump()};
  }
};

PromptWork prompt_work(const feedback::PromptRow& row, bool red_team) {
  return {.prompt_id = row.id, .prompt = feedback::render(row.prompt), .group = red_team ? "red_team" : "helpful"};
}

// Both lists in turn, so that a phase cut short has done some of each.
Items interleave(const Items& a, const Items& b) {
  Items result;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size()) result.push_back(a[i]);
    if (i < b.size()) result.push_back(b[i]);
  }
  return result;
}

Items sl_generate(const Maker& make) {
  const auto& c = make.config().sl_generate;
  Items chains, samples;
  for (const auto& row : make.prompts(true, Split::kTrain, 1)) {
    if (static_cast<int32_t>(chains.size()) >= c.red_team_prompts) break;
    auto work = prompt_work(row, true);
    work.rounds = c.rounds;
    chains.push_back(make.item("sl_chain", row.id, 0, work));
  }
  int32_t taken = 0;
  for (const auto& row : make.prompts(false, Split::kTrain, 2)) {
    if (taken++ >= c.helpful_prompts) break;
    for (int32_t k = 0; k < c.helpful_samples; ++k) samples.push_back(make.item("helpful_sample", row.id, k, prompt_work(row, false)));
  }
  return interleave(chains, samples);
}

Items sl_train(const Maker& make) {
  std::vector<std::pair<std::string, SftWork>> examples;
  make.ledger.for_each_record("sl_generate", "sl_chain", [&](const store::RecordRow& row) {
    const auto chain = nlohmann::json::parse(row.record.body).get<ChainRecord>();
    std::string previous = chain.response;
    for (size_t i = 0; i < chain.rounds.size(); ++i) {
      const auto& revision = chain.rounds[i].revision;
      const bool wanted = make.config().sl_train.revisions == "all" || i + 1 == chain.rounds.size();
      if (wanted && !revision.empty() && revision != previous)
        examples.emplace_back(chain.prompt_id + "#" + std::to_string(i + 1), SftWork{chain.prompt, revision, "revision"});
      previous = revision;
    }
    return true;
  });
  make.ledger.for_each_record("sl_generate", "helpful_sample", [&](const store::RecordRow& row) {
    const auto sample = nlohmann::json::parse(row.record.body).get<ResponseRecord>();
    if (!sample.response.empty())
      examples.emplace_back(sample.prompt_id + "/" + std::to_string(row.item.repeat), SftWork{sample.prompt, sample.response, "helpful"});
    return true;
  });
  Items items;
  for (int32_t epoch = 0; epoch < make.config().sl_train.epochs; ++epoch) {
    make.shuffle(examples, 3 + static_cast<uint64_t>(epoch) * 100);
    for (const auto& [id, work] : examples) items.push_back(make.item("sft", id, epoch, work));
  }
  return items;
}

Items label(const Maker& make) {
  const auto rows = make.prompts(true, Split::kTrain, 4);
  Items items;
  for (int32_t i = 0; i < make.config().label.comparisons && !rows.empty(); ++i) {
    const auto& row = rows[static_cast<size_t>(i) % rows.size()];
    items.push_back(make.item("pair", row.id, i / static_cast<int32_t>(rows.size()), prompt_work(row, true)));
  }
  return items;
}

// A labelled comparison in seeded order.
ComparisonWork comparison(const Maker& make, const feedback::ComparisonRow& row, const std::string& purpose) {
  const auto pair = feedback::labelled_pair(row, make.seed());
  return {.comparison_id = row.id, .prompt = feedback::render(row.prompt), .first = pair.pair.first, .second = pair.pair.second,
          .p_first = pair.first_better ? 1.0 : 0.0, .source = std::string(feedback::name(row.source)), .purpose = purpose};
}

std::vector<feedback::ComparisonRow> comparisons(const Maker& make, bool harmlessness, std::optional<Split> split, int32_t most, uint64_t salt) {
  const auto& d = make.config().data;
  auto rows = feedback::load_comparisons(harmlessness ? data_file(make.context, d.harmlessness_eval, "preferences/harmlessness_eval.jsonl")
                                                      : data_file(make.context, d.helpfulness, "preferences/helpfulness.jsonl"))
                  .rows;
  if (split) std::erase_if(rows, [&](const auto& row) { return row.split != *split; });
  make.shuffle(rows, salt);
  if (static_cast<int32_t>(rows.size()) > most) rows.erase(rows.begin() + most, rows.end());
  return rows;
}

Items judge_check(const Maker& make) {
  Items items;
  for (const auto& row : comparisons(make, true, {}, make.config().label.check_pairs, 5))
    for (const char* method : {feedback::kLikelihoodContrast, feedback::kMultipleChoice}) {
      auto work = comparison(make, row, "check");
      work.method = method;
      items.push_back(make.item("judge", row.id + "/" + method, 0, work));
    }
  return items;
}

Items pmp(const Maker& make) {
  auto questions = feedback::load_pmp(data_file(make.context, make.config().data.pmp, "preferences/pmp.jsonl")).rows;
  std::erase_if(questions, [](const auto& q) { return q.split != Split::kTrain; });
  make.shuffle(questions, 6);
  Items items;
  for (const auto& q : questions)
    for (const auto& [better, worse] : feedback::pmp_pairs(q, 10, make.seed())) {
      if (static_cast<int32_t>(items.size()) >= make.config().pm_train.pmp_pairs) return items;
      const auto id = q.id + "/" + std::to_string(better) + ">" + std::to_string(worse);
      // Which side is first is drawn, so that a model cannot learn the place.
      const bool swap = feedback::draw_index({.seed = make.seed(), .work_id = feedback::stable_hash(id), .round = 0}, 2) == 1;
      ComparisonWork work{.comparison_id = id, .prompt = feedback::render(feedback::single_turn(q.question)),
                          .first = q.answers[swap ? worse : better].text, .second = q.answers[swap ? better : worse].text,
                          .p_first = swap ? 0.0 : 1.0, .source = std::string(feedback::name(q.source))};
      items.push_back(make.item("pmp", id, 0, work));
    }
  return items;
}

Items pm_train(const Maker& make) {
  const auto& c = make.config().pm_train;
  Items human, ai;
  for (const auto& row : comparisons(make, false, Split::kTrain, c.helpfulness_pairs, 7))
    human.push_back(make.item("preference", "helpfulness/" + row.id, 0, comparison(make, row, "helpfulness")));
  make.ledger.for_each_record("label", "pair", [&](const store::RecordRow& row) {
    if (static_cast<int32_t>(ai.size()) >= c.harmlessness_pairs) return false;
    const auto r = nlohmann::json::parse(row.record.body).get<PreferenceRecord>();
    ComparisonWork work{.comparison_id = r.prompt_id, .prompt = r.prompt, .first = r.first, .second = r.second, .p_first = r.p_first,
                        .source = "ai", .purpose = "harmlessness"};
    ai.push_back(make.item("preference", "harmlessness/" + r.prompt_id, row.item.repeat, work));
    return true;
  });
  return interleave(human, ai);
}

Items pm_score(const Maker& make) {
  Items items;
  const int32_t most = make.config().pm_train.eval_pairs;
  for (const bool harmlessness : {false, true}) {
    const auto split = harmlessness ? std::optional<Split>{} : std::optional(Split::kHeldOut);
    const std::string purpose = harmlessness ? "harmlessness" : "helpfulness";
    for (const auto& row : comparisons(make, harmlessness, split, most, 8))
      items.push_back(make.item("score", purpose + "/" + row.id, 0, comparison(make, row, purpose)));
  }
  return items;
}

Items firewall(const Maker& make) {
  const auto& c = make.config().firewall;
  Items items;
  const auto add = [&](bool red_team, Split split, int32_t most) {
    int32_t taken = 0;
    for (const auto& row : make.prompts(red_team, split, 9)) {
      if (taken++ >= most) break;
      auto work = prompt_work(row, red_team);
      work.split = feedback::name(split);
      items.push_back(make.item("activation", work.group + "/" + row.id, 0, work));
    }
  };
  add(false, Split::kTrain, c.helpful_prompts);
  add(false, Split::kHeldOut, c.held_out_prompts);
  add(true, Split::kHeldOut, c.held_out_prompts);
  return items;
}

Items rl(const Maker& make) {
  const auto& c = make.config().rl;
  const auto harmful = make.prompts(true, Split::kTrain, 10), helpful = make.prompts(false, Split::kTrain, 11);
  Items items;
  const auto total = static_cast<int64_t>(c.updates) * c.batch;
  int64_t taken[2] = {0, 0};
  double pairs = 0;
  int64_t drawn = 0;
  for (int64_t i = 0; i < total; ++i) {
    // Spread evenly: at every point of the run the share of red-team prompts is the configured one.
    const bool red = helpful.empty() || (!harmful.empty() && static_cast<double>(taken[1]) < c.red_team_fraction * static_cast<double>(i + 1));
    const auto& rows = red ? harmful : helpful;
    if (rows.empty()) break;
    const int64_t n = taken[red]++, size = static_cast<int64_t>(rows.size());
    const auto& row = rows[static_cast<size_t>(n % size)];
    items.push_back(make.item("rollout", (red ? "red_team/" : "helpful/") + row.id, n / size, prompt_work(row, red)));
    pairs += c.online_pm && !harmful.empty() ? c.pair_fraction : 0;
    for (; pairs >= 1; pairs -= 1, ++drawn) {
      const auto& prompt = harmful[static_cast<size_t>(drawn) % harmful.size()];
      auto work = prompt_work(prompt, true);
      work.online = true;
      items.push_back(make.item("pair", prompt.id, drawn / static_cast<int64_t>(harmful.size()), work));
    }
  }
  return items;
}

std::vector<std::string> snapshots(const Maker& make) {
  std::vector<std::string> names{"base"};
  for (const char* name : {"sl_cai", "rl_cai"})
    if (std::filesystem::exists(make.context.paths.weights() / name)) names.emplace_back(name);
  return names;
}

Items eval_generate(const Maker& make) {
  const int32_t each = make.config().eval.prompts / 2;
  Items items;
  for (const auto& snapshot : snapshots(make))   // one after the other: an engine holds one snapshot's weights
    for (const bool red_team : {true, false}) {
      int32_t taken = 0;
      for (const auto& row : make.prompts(red_team, Split::kHeldOut, 12)) {
        if (taken++ >= each) break;
        auto work = prompt_work(row, red_team);
        work.snapshot = snapshot;
        items.push_back(make.item("eval", snapshot + "/" + row.id, 0, work));
      }
    }
  return items;
}

Items eval_judge(const Maker& make) {
  std::map<std::string, std::map<std::string, ResponseRecord>> answers;   // prompt -> snapshot -> answer
  make.ledger.for_each_record("eval_generate", "eval", [&](const store::RecordRow& row) {
    auto r = nlohmann::json::parse(row.record.body).get<ResponseRecord>();
    if (!r.response.empty()) answers[r.prompt_id][r.snapshot] = std::move(r);
    return true;
  });
  Items items;
  for (const auto& [prompt, by_snapshot] : answers)
    for (auto left = by_snapshot.begin(); left != by_snapshot.end(); ++left)
      for (auto right = std::next(left); right != by_snapshot.end(); ++right) {
        const auto& a = left->second;
        const auto& b = right->second;
        if (a.response == b.response) continue;   // nothing to compare
        ComparisonWork work{.comparison_id = prompt, .prompt = a.prompt, .first = a.response, .second = b.response,
                            .method = make.config().label.method, .purpose = a.group == "red_team" ? "harmlessness" : "helpfulness",
                            .left = left->first, .right = right->first};
        items.push_back(make.item("judge", prompt + "/" + left->first + "/" + right->first, 0, work));
      }
  return items;
}

}  // namespace

std::vector<store::WorkItem> stage_work(const NodeContext& context, const store::Ledger& ledger, const Phase& phase) {
  static const std::map<std::string, std::function<Items(const Maker&)>> makers{
      {"sl_generate", sl_generate}, {"sl_train", sl_train}, {"label", label}, {"judge_check", judge_check}, {"pmp", pmp},
      {"pm_train", pm_train}, {"pm_score", pm_score}, {"firewall", firewall}, {"rl", rl}, {"eval_generate", eval_generate},
      {"eval_judge", eval_judge}};
  return makers.at(phase.name)(Maker{context, ledger, phase});
}

}  // namespace charter::actors
