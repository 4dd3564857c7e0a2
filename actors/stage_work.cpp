#include "actors/stage_work.hpp"

#include <algorithm>
#include <functional>

#include "actors/stage_work_parts.hpp"
#include "actors/used_prompts.hpp"

namespace charter::actors {

using feedback::Split;

std::vector<feedback::PromptRow> Maker::prompts(bool red_team, Split split, uint64_t salt) const {
  const auto path = red_team ? data_file(context, config().data.red_team, "prompts/red_team.jsonl")
                             : data_file(context, config().data.helpful, "prompts/helpful.jsonl");
  auto rows = feedback::load_prompts(path).rows;
  std::erase_if(rows, [split](const auto& row) { return row.split != split; });
  drop_used(rows, UsedPrompts::of_prompts(ledger, red_team ? "red_team" : "helpful"), split,
            red_team ? "data.red_team" : "data.helpful");
  shuffle(rows, salt);
  return rows;
}

store::WorkItem Maker::item(std::string kind, std::string prompt_id, int64_t repeat,
                            const nlohmann::json& payload) const {
  return {.stage = phase.name,
          .kind = std::move(kind),
          .prompt_id = std::move(prompt_id),
          .repeat = repeat,
          .payload = payload.dump()};
}

PromptWork prompt_work(const feedback::PromptRow& row, bool red_team) {
  return {.prompt_id = row.id,
          .prompt = feedback::render(row.prompt),
          .group = red_team ? "red_team" : "helpful"};
}

Items interleave(const Items& a, const Items& b) {
  Items result;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size()) result.push_back(a[i]);
    if (i < b.size()) result.push_back(b[i]);
  }
  return result;
}

namespace {

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
    for (int32_t k = 0; k < c.helpful_samples; ++k)
      samples.push_back(make.item("helpful_sample", row.id, k, prompt_work(row, false)));
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
        examples.emplace_back(chain.prompt_id + "#" + std::to_string(i + 1),
                              SftWork{chain.prompt, revision, "revision"});
      previous = revision;
    }
    return true;
  });
  make.ledger.for_each_record("sl_generate", "helpful_sample", [&](const store::RecordRow& row) {
    const auto sample = nlohmann::json::parse(row.record.body).get<ResponseRecord>();
    if (!sample.response.empty())
      examples.emplace_back(sample.prompt_id + "/" + std::to_string(row.item.repeat),
                            SftWork{sample.prompt, sample.response, "helpful"});
    return true;
  });
  Items items;
  for (int32_t epoch = 0; epoch < make.config().sl_train.epochs; ++epoch) {
    make.shuffle(examples, 3 + static_cast<uint64_t>(epoch) * 100);
    for (const auto& [id, work] : examples) items.push_back(make.item("sft", id, epoch, work));
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
  const auto harmful = make.prompts(true, Split::kTrain, 10),
             helpful = make.prompts(false, Split::kTrain, 11);
  Items items;
  const auto total = static_cast<int64_t>(c.updates) * c.batch;
  int64_t taken[2] = {0, 0};
  double pairs = 0;
  int64_t drawn = 0;
  for (int64_t i = 0; i < total; ++i) {
    // Spread evenly: at every point of the run the share of red-team prompts is the configured one.
    const bool red = helpful.empty() ||
                     (!harmful.empty() && static_cast<double>(taken[1]) <
                                              c.red_team_fraction * static_cast<double>(i + 1));
    const auto& rows = red ? harmful : helpful;
    if (rows.empty()) break;
    const int64_t n = taken[red]++, size = static_cast<int64_t>(rows.size());
    const auto& row = rows[static_cast<size_t>(n % size)];
    items.push_back(make.item("rollout", (red ? "red_team/" : "helpful/") + row.id, n / size,
                              prompt_work(row, red)));
    pairs += c.online_pm && !harmful.empty() ? c.pair_fraction : 0;
    for (; pairs >= 1; pairs -= 1, ++drawn) {
      const auto& prompt = harmful[static_cast<size_t>(drawn) % harmful.size()];
      auto work = prompt_work(prompt, true);
      work.online = true;
      items.push_back(
          make.item("pair", prompt.id, drawn / static_cast<int64_t>(harmful.size()), work));
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
  for (const auto& snapshot :
       snapshots(make))  // one after the other: an engine holds one snapshot's weights
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

}  // namespace

DataCounts read_counts(const NodeContext& context) {
  const auto& d = context.config.data;
  const auto prompts = [&](const std::string& file, const char* own) {
    return count_splits(feedback::load_prompts(data_file(context, file, own)).rows);
  };
  const auto comparisons = [&](const std::string& file, const char* own) {
    return count_splits(feedback::load_comparisons(data_file(context, file, own)).rows);
  };
  const auto pmp = feedback::load_pmp(data_file(context, d.pmp, "preferences/pmp.jsonl")).rows;
  return {
      .red_team = prompts(d.red_team, "prompts/red_team.jsonl"),
      .helpful = prompts(d.helpful, "prompts/helpful.jsonl"),
      .pmp = count_splits(pmp),
      .helpfulness = comparisons(d.helpfulness, "preferences/helpfulness.jsonl"),
      .harmlessness_eval = comparisons(d.harmlessness_eval, "preferences/harmlessness_eval.jsonl"),
      .pmp_pairs = count_pmp_pairs(pmp, static_cast<uint64_t>(context.config.run.seed))};
}

std::vector<store::WorkItem> stage_work(const NodeContext& context, const store::Ledger& ledger,
                                        const Phase& phase, std::vector<std::string>* notes) {
  static const std::map<std::string, std::function<Items(const Maker&)>> makers{
      {"sl_generate", sl_generate},
      {"sl_train", sl_train},
      {"label", label_work},
      {"judge_check", judge_check_work},
      {"pmp", pmp_work},
      {"pm_train", pm_train_work},
      {"pm_score", pm_score_work},
      {"firewall", firewall},
      {"rl", rl},
      {"eval_generate", eval_generate},
      {"eval_judge", eval_judge_work}};
  return makers.at(phase.name)(Maker{context, ledger, phase, notes});
}

}  // namespace charter::actors
