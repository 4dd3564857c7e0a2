#include "config/plan.hpp"

#include <algorithm>
#include <stdexcept>

namespace charter::config {
namespace {

// Typical lengths, tokens.
constexpr int64_t kPrompt = 40;    // one turn with its markers
constexpr int64_t kRequest = 60;   // a critique or revision request, a judge's principle
constexpr int64_t kTemplate = 90;  // the rest of the judge's templates

// Shares of the matrix-product rate that each kind of work reaches.
constexpr double kPrefillShare = 0.7;
constexpr double kDecodeShare = 0.5;
constexpr double kForwardShare = 0.65;
constexpr double kTrainShare = 0.55;
constexpr double kStageStart = 3.0;  // seconds: models read and packed, processes told

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kProcess = 180 * kMiB;  // a process with LibTorch and its arenas
constexpr int64_t kSnapshots = 3;         // base, SL-CAI, RL-CAI
constexpr int64_t kTensorHeader = 512;    // bytes of a published tensor's description

// Tokens of one judgement with shared prefixes computed once. The likelihood contrast scores two
// answers after each of a good and a bad description; the multiple choice asks in two orders.
int64_t judge_tokens(bool contrast, int64_t answer) {
  return contrast ? 2 * (kPrompt + kRequest) + 4 * answer
                  : kPrompt + kRequest + 2 * (kTemplate + 2 * answer);
}

bool contrast(const RunConfig& c) { return c.label.method == "likelihood_contrast"; }

TokenCounts sl_generate_tokens(const RunConfig& c) {
  const auto& s = c.sl_generate;
  const int64_t n = s.max_new_tokens, red = s.red_team_prompts;
  const int64_t helpful = int64_t{s.helpful_prompts} * s.helpful_samples;
  const int64_t round = (kPrompt + n + kRequest) + (kPrompt + 2 * n + 2 * kRequest);
  TokenCounts t;
  t.decode = red * (1 + 2 * s.rounds) * n + helpful * n;
  // The few-shot prefix is computed once by each engine.
  t.prefill = s.fewshot_max_tokens * c.actors.rollout + red * (kPrompt + s.rounds * round) +
              helpful * kPrompt;
  t.context = static_cast<double>(s.fewshot_max_tokens + kPrompt + 2 * n + kRequest);
  return t;
}

TokenCounts sl_train_tokens(const RunConfig& c) {
  const auto& s = c.sl_generate;
  const int64_t revisions = c.sl_train.revisions == "all" ? s.rounds : 1;
  const int64_t examples =
      s.red_team_prompts * revisions + int64_t{s.helpful_prompts} * s.helpful_samples;
  TokenCounts t;
  t.train = examples * c.sl_train.epochs *
            std::min<int64_t>(c.sl_train.max_tokens, kPrompt + s.max_new_tokens);
  return t;
}

TokenCounts label_tokens(const RunConfig& c) {
  const int64_t pairs = c.label.comparisons, n = c.sl_generate.max_new_tokens;
  TokenCounts t;
  t.decode = pairs * 2 * n;
  t.prefill = pairs * kPrompt;
  t.forward = pairs * judge_tokens(contrast(c), n) +
              c.label.check_pairs * (judge_tokens(true, n) + judge_tokens(false, n) +
                                     2 * judge_tokens(contrast(c), n));  // the evaluation's judge
  t.context = static_cast<double>(kPrompt + kTemplate + 2 * n);
  return t;
}

TokenCounts pm_train_tokens(const RunConfig& c) {
  const auto& p = c.pm_train;
  const int64_t side = std::min<int64_t>(p.max_tokens, kPrompt + c.sl_generate.max_new_tokens);
  TokenCounts t;
  t.train = 2 * side * (int64_t{p.pmp_pairs} + p.helpfulness_pairs + p.harmlessness_pairs);
  t.forward = 2 * side * 3 * int64_t{p.eval_pairs};
  return t;
}

TokenCounts rl_tokens(const RunConfig& c) {
  const int64_t trajectories = int64_t{c.rl.updates} * c.rl.batch, n = c.rl.max_new_tokens;
  const int64_t pairs =
      c.rl.online_pm ? static_cast<int64_t>(static_cast<double>(trajectories) * c.rl.pair_fraction)
                     : 0;
  TokenCounts t;
  t.prefill = (trajectories + 2 * pairs) * kPrompt;
  t.decode = (trajectories + 2 * pairs) * n;
  // Reference, PM and proximal log-probs of each trajectory; the judge on each pair.
  t.forward = 3 * trajectories * (kPrompt + n) + pairs * judge_tokens(contrast(c), n);
  t.train = (trajectories * c.rl.epochs + 2 * pairs) * (kPrompt + n);
  return t;
}

TokenCounts eval_tokens(const RunConfig& c) {
  const int64_t prompts = c.eval.prompts, n = c.eval.max_new_tokens;
  const int64_t pairs = kSnapshots * (kSnapshots - 1) / 2;
  TokenCounts t;
  t.prefill = kSnapshots * prompts * kPrompt;
  t.decode = kSnapshots * prompts * n;
  t.forward = pairs * prompts * judge_tokens(contrast(c), n) + t.prefill + t.decode;
  return t;
}

int64_t adapter_parameters(const RunConfig& c, const ModelSizes& m) {
  const int64_t q = m.heads * m.head_dim, kv = m.kv_heads * m.head_dim;
  const int64_t attention = (m.hidden + q) * 2 + (m.hidden + kv) * 2;
  const int64_t mlp = (m.hidden + m.intermediate) * 3;
  const int64_t sides =
      (c.lora.targets == "mlp" ? 0 : attention) + (c.lora.targets == "attention" ? 0 : mlp);
  return m.layers * sides * c.lora.rank;
}

// Weights with their optimizer: float32 gradient and two moments beside each trained parameter.
int64_t trainer_bytes(const RunConfig& c, const ModelSizes& m, int64_t batch_tokens) {
  const int64_t weights = 4 * parameters(m);
  const int64_t trained = c.lora.enabled ? 16 * adapter_parameters(c, m) : 3 * weights;
  const int64_t layer = 4 * (8 * m.hidden + 4 * m.intermediate);  // a token's activations
  const int64_t activations =
      c.training.gradient_checkpointing ? layer + 4 * m.layers * m.hidden : m.layers * layer;
  const int64_t logits = 3 * 4 * m.vocab * std::min<int64_t>(batch_tokens, 256);
  return kProcess + weights + trained + activations * batch_tokens + logits;
}

// One engine: weights, packed once more, keys and values of every slot, the prefix cache.
int64_t engine_bytes(const RunConfig& c, const ModelSizes& m, double context) {
  const int64_t kv = 8 * m.layers * m.kv_heads * m.head_dim;  // bytes a token
  return kProcess + 2 * 4 * parameters(m) +
         c.actors.rollout * c.rollout.batch * static_cast<int64_t>(context + 128) * kv +
         c.actors.rollout * c.rollout.prefix_cache_mib * kMiB;
}

}  // namespace

int64_t parameters(const ModelSizes& m) {
  const int64_t q = m.heads * m.head_dim, kv = m.kv_heads * m.head_dim;
  const int64_t layer = 2 * m.hidden * q + 2 * m.hidden * kv + 3 * m.hidden * m.intermediate;
  return m.layers * (layer + 2 * m.hidden) + m.hidden + m.vocab * m.hidden * (m.tied ? 1 : 2);
}

double layer_gflop(const ModelSizes& m) {
  const int64_t q = m.heads * m.head_dim, kv = m.kv_heads * m.head_dim;
  const int64_t layer = 2 * m.hidden * q + 2 * m.hidden * kv + 3 * m.hidden * m.intermediate;
  return 2e-9 * static_cast<double>(m.layers * layer);
}

double head_gflop(const ModelSizes& m) { return 2e-9 * static_cast<double>(m.vocab * m.hidden); }

double attention_gflop(const ModelSizes& m, double context) {
  return 4e-9 * static_cast<double>(m.layers * m.heads * m.head_dim) * context;
}

int64_t snapshot_bytes(const RunConfig& c, const ModelSizes& m) {
  // A block has two adapters for each of its seven linear layers, or nine tensors of its own.
  const int64_t header = kTensorHeader * 14 * (m.layers + 1);
  const int64_t trained = c.lora.enabled ? adapter_parameters(c, m) : parameters(m);
  const int64_t head = m.hidden + 1;  // of the PM's score
  const int64_t version = 4 * (trained + head) + header;
  return (kSnapshotsKept + 2) * version * (c.rl.online_pm ? 2 : 1);
}

std::vector<StagePlan> plan(const RunConfig& c, const ModelSizes& m, double gflops) {
  if (!(gflops > 0)) {
    throw std::invalid_argument("gflops: " + std::to_string(gflops) + ", expected more than 0");
  }
  const int64_t weights = 4 * parameters(m);
  const int64_t engine = engine_bytes(c, m, sl_generate_tokens(c).context);
  const int64_t sl_batch = c.sl_train.batch * std::min<int64_t>(c.sl_train.max_tokens, 512);
  const int64_t pm_batch = 2 * c.pm_train.batch * int64_t{c.pm_train.max_tokens};
  const int64_t rl_batch = c.rl.batch * (kPrompt + c.rl.max_new_tokens) / c.rl.minibatches;
  const auto trainer = [&](int64_t tokens) {
    return trainer_bytes(c, m, std::min<int64_t>(tokens, c.training.micro_batch_tokens));
  };
  const int64_t checkpoint = c.lora.enabled ? 12 * adapter_parameters(c, m) : 3 * weights;
  TokenCounts firewall;
  firewall.forward =
      (c.firewall.helpful_prompts + 2 * int64_t{c.firewall.held_out_prompts}) * kPrompt;

  std::vector<StagePlan> stages = {
      {"sl_generate", sl_generate_tokens(c), 0, 0, kProcess + engine, kMiB},
      {"sl_train", sl_train_tokens(c), 0, 0, kProcess + trainer(sl_batch), weights + checkpoint},
      {"label", label_tokens(c), 0, 0, kProcess + engine + weights, kMiB},
      {"pm_train", pm_train_tokens(c), 0, 0, kProcess + trainer(pm_batch), 2 * checkpoint},
      {"firewall", firewall, 0, 0, kProcess + engine, kMiB},
      // The PM, and the PM's trainer when it is online, keep their own weights.
      {"rl", rl_tokens(c), 0, 0,
       kProcess + engine + weights + trainer(rl_batch) + (c.rl.online_pm ? trainer(pm_batch) : 0),
       weights + checkpoint * c.rl.keep_checkpoints * (c.rl.online_pm ? 2 : 1)},
      {"eval", eval_tokens(c), 0, 0, kProcess + engine + weights, kMiB},
      {"report", {}, 0, 0, kProcess, kMiB},
  };
  for (StagePlan& s : stages) {
    const double body = layer_gflop(m) + attention_gflop(m, s.tokens.context);
    const auto count = [](int64_t tokens) { return static_cast<double>(tokens); };
    const double prefill = count(s.tokens.prefill) * body;
    const double decode = count(s.tokens.decode) * (body + head_gflop(m));
    // About half of the scored or trained tokens are answers, which alone pass the head; the PM and
    // the firewall have none.
    const bool headless = s.stage == "pm_train" || s.stage == "firewall";
    const double head = headless ? 0 : head_gflop(m) / 2;
    const double forward = count(s.tokens.forward) * (body + head);
    // Backward: a pass for the inputs, and one for the weights unless only adapters are trained.
    const double train = count(s.tokens.train) * (body + head) * (c.lora.enabled ? 2.1 : 3.0);
    s.gflop = prefill + decode + forward + train;
    s.seconds = (s.stage == "report" ? 1.0 : kStageStart) +
                (prefill / kPrefillShare + decode / kDecodeShare + forward / kForwardShare +
                 train / kTrainShare) /
                    gflops;
  }
  return stages;
}

}  // namespace charter::config
