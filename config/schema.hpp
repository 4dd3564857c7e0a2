// The table of every key: where it is stored, its range, its unit, what it does, and whether a
// resumed run may change it. parse, print, explain and compare all walk this one list.
#pragma once
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace charter::config {

struct KeyInfo {
  std::string help;
  std::string unit = "";
  double min = -1e300, max = 1e300;       // numbers, inclusive
  std::vector<std::string> choices = {};  // strings; empty: any
  bool on_resume = false;                 // a resumed run may change it
  bool path = false;                      // a file or directory: relative to the file that names it
};

// Calls visit(section, key, reference to the field, info) for every key, in the order of the file.
template <class Config, class Visit>
void for_each_key(Config& c, Visit&& visit) {
  const double big = 1e9;
  const std::vector<std::string> schedules{"constant", "linear", "cosine"};
  visit("run", "name", c.run.name, KeyInfo{.help = "directory of the run under run.root"});
  visit("run", "root", c.run.root, KeyInfo{.help = "where runs are kept", .on_resume = true});
  visit("run", "seed", c.run.seed,
        KeyInfo{.help = "every random choice derives from it", .min = 0, .max = 9e15});

  visit("models", "base", c.models.base,
        KeyInfo{.help = "pre-trained model, GGUF file or Hugging Face directory; empty: "
                        "CHARTER_MODEL",
                .path = true});
  visit("models", "helpful", c.models.helpful,
        KeyInfo{.help = "writes answers, critiques and revisions; empty: base", .path = true});
  visit("models", "judge", c.models.judge,
        KeyInfo{.help = "labels pairs; empty: base", .path = true});
  visit("models", "pm_init", c.models.pm_init,
        KeyInfo{.help = "start of the preference model; empty: base", .path = true});
  visit("models", "policy_format", c.models.policy_format,
        KeyInfo{
            .help = "chat format of training, RL, PM and serving; model: the model's own template",
            .choices = {"model", "chatml", "llama3", "mistral", "plain"}});
  visit(
      "models", "max_context", c.models.max_context,
      KeyInfo{
          .help = "longest prompt and response together", .unit = "tokens", .min = 64, .max = 1e6});

  const auto data = [](const std::string& help) {
    return KeyInfo{.help = help + "; empty: the project's authored file", .path = true};
  };
  visit("data", "constitution", c.data.constitution,
        data("principles, TOML or the paper's JSON directory"));
  visit("data", "critique_fewshot", c.data.critique_fewshot,
        data("critique and revision examples (jsonl, the paper's json)"));
  visit("data", "feedback_fewshot", c.data.feedback_fewshot,
        data("multiple-choice examples (jsonl, the paper's json)"));
  visit("data", "red_team", c.data.red_team,
        data("red-team prompts (jsonl, instruction json, csv, txt, hh-rlhf jsonl.gz)"));
  visit("data", "helpful", c.data.helpful, data("helpful prompts (as red_team)"));
  visit("data", "pmp", c.data.pmp, data("scored answers (jsonl, Stack Exchange Posts.xml)"));
  visit("data", "helpfulness", c.data.helpfulness,
        data("helpfulness comparisons (jsonl, PandaLM json, hh-rlhf jsonl.gz)"));
  visit("data", "harmlessness_eval", c.data.harmlessness_eval,
        data("labelled harmlessness pairs the judge is measured on (as helpfulness)"));

  visit("actors", "rollout", c.actors.rollout,
        KeyInfo{.help = "rollout actors", .min = 1, .max = 64, .on_resume = true});
  visit("actors", "feedback", c.actors.feedback,
        KeyInfo{.help = "feedback actors", .min = 1, .max = 64, .on_resume = true});
  visit("actors", "reward", c.actors.reward,
        KeyInfo{.help = "reward actors", .min = 1, .max = 64, .on_resume = true});

  visit("machine", "device", c.machine.device,
        KeyInfo{.help = "where tensors live", .choices = {"cpu", "cuda"}, .on_resume = true});
  visit("machine", "compute_slots", c.machine.compute_slots,
        KeyInfo{.help = "threads that compute at once, over all processes; 0: one a core",
                .min = 0,
                .max = 1024,
                .on_resume = true});
  visit("machine", "placement", c.machine.placement,
        KeyInfo{.help = "processes: all in one, control + engine + trainer, or one a worker",
                .choices = {"single", "split", "process-per-worker"},
                .on_resume = true});
  visit("machine", "transport", c.machine.transport,
        KeyInfo{.help = "what the links run over; inproc needs placement single",
                .choices = {"inproc", "ipc", "tcp"},
                .on_resume = true});
  visit("machine", "tcp_base_port", c.machine.tcp_base_port,
        KeyInfo{.help = "first of the loopback ports when transport is tcp",
                .min = 1024,
                .max = 65000,
                .on_resume = true});
  visit("machine", "lease_seconds", c.machine.lease_seconds,
        KeyInfo{.help = "a leased item whose worker does not renew it is re-issued after",
                .unit = "seconds",
                .min = 10,
                .max = 86400,
                .on_resume = true});
  visit("machine", "step_seconds", c.machine.step_seconds,
        KeyInfo{.help = "an actor that answers nothing for this long hangs, and its process is "
                        "restarted; 0: from the size of the model, 300 at least",
                .unit = "seconds",
                .min = 0,
                .max = 86400,
                .on_resume = true});
  visit("machine", "heartbeat_seconds", c.machine.heartbeat_seconds,
        KeyInfo{.help = "a process silent for this long is restarted",
                .unit = "seconds",
                .min = 2,
                .max = 3600,
                .on_resume = true});
  visit("machine", "max_restarts", c.machine.max_restarts,
        KeyInfo{.help = "of one process within ten minutes; more end the run",
                .min = 0,
                .max = 1000,
                .on_resume = true});
  visit("machine", "max_attempts", c.machine.max_attempts,
        KeyInfo{.help = "failed leases before an item is quarantined",
                .min = 1,
                .max = 100,
                .on_resume = true});

  visit("rollout", "batch", c.rollout.batch,
        KeyInfo{
            .help = "sequences one engine runs at once", .min = 1, .max = 256, .on_resume = true});
  visit("rollout", "temperature", c.rollout.temperature,
        KeyInfo{.help = "of every sample (the paper: 1)", .min = 0.05, .max = 5});
  visit(
      "rollout", "precision", c.rollout.precision,
      KeyInfo{.help = "of the engine's linear layers", .choices = {"float32", "bfloat16", "int8"}});
  visit("rollout", "prefix_cache_mib", c.rollout.prefix_cache_mib,
        KeyInfo{.help = "keys and values kept of shared prefixes",
                .unit = "MiB",
                .min = 0,
                .max = 1e6,
                .on_resume = true});

  visit("lora", "enabled", c.lora.enabled, KeyInfo{.help = "train adapters; false: all weights"});
  visit("lora", "rank", c.lora.rank, KeyInfo{.help = "of the adapters", .min = 1, .max = 512});
  visit("lora", "alpha", c.lora.alpha,
        KeyInfo{.help = "adapter scale times rank", .min = 0.1, .max = 1024});
  visit("lora", "targets", c.lora.targets,
        KeyInfo{.help = "linear layers with an adapter: all seven of a block, attention's four, "
                        "or the three of its MLP",
                .choices = {"all", "attention", "mlp"}});

  visit("training", "micro_batch_tokens", c.training.micro_batch_tokens,
        KeyInfo{.help = "computed at once by every trainer; a batch of more is computed in parts, "
                        "with the same result",
                .unit = "tokens",
                .min = 16,
                .max = 1e6,
                .on_resume = true});
  visit("training", "gradient_checkpointing", c.training.gradient_checkpointing,
        KeyInfo{.help = "compute layers again in the backward pass: less memory, a third more time",
                .on_resume = true});

  visit("sl_generate", "red_team_prompts", c.sl_generate.red_team_prompts,
        KeyInfo{.help = "prompts whose answers are revised", .min = 1, .max = big});
  visit(
      "sl_generate", "rounds", c.sl_generate.rounds,
      KeyInfo{.help = "critique and revision rounds a prompt (the paper: 4)", .min = 1, .max = 16});
  visit("sl_generate", "helpful_prompts", c.sl_generate.helpful_prompts,
        KeyInfo{.help = "prompts answered as they are", .min = 0, .max = big});
  visit("sl_generate", "helpful_samples", c.sl_generate.helpful_samples,
        KeyInfo{.help = "answers a helpful prompt (the paper: 2)", .min = 1, .max = 64});
  visit("sl_generate", "max_new_tokens", c.sl_generate.max_new_tokens,
        KeyInfo{.help = "of each answer, critique and revision",
                .unit = "tokens",
                .min = 1,
                .max = 8192});
  visit(
      "sl_generate", "fewshot_max_tokens", c.sl_generate.fewshot_max_tokens,
      KeyInfo{.help = "of the few-shot examples together", .unit = "tokens", .min = 0, .max = 1e5});

  const KeyInfo warmup{.help = "over these the rate rises to learning_rate",
                       .unit = "optimizer steps",
                       .min = 0,
                       .max = big};
  visit(
      "sl_train", "revisions", c.sl_train.revisions,
      KeyInfo{.help = "which revisions are learned (the paper: all)", .choices = {"all", "final"}});
  visit("sl_train", "epochs", c.sl_train.epochs,
        KeyInfo{.help = "passes over the data (the paper: 1)", .min = 1, .max = 100});
  visit("sl_train", "batch", c.sl_train.batch,
        KeyInfo{.help = "conversations an update", .min = 1, .max = 65536});
  visit("sl_train", "learning_rate", c.sl_train.learning_rate,
        KeyInfo{.help = "AdamW", .min = 0, .max = 1});
  visit("sl_train", "warmup", c.sl_train.warmup, warmup);
  visit("sl_train", "schedule", c.sl_train.schedule,
        KeyInfo{.help = "of the rate after the warm-up; linear and cosine fall to 0 at the end of "
                        "the conversations there are when the stage begins",
                .choices = schedules});
  visit("sl_train", "max_tokens", c.sl_train.max_tokens,
        KeyInfo{.help = "of a conversation; longer ones lose their beginning",
                .unit = "tokens",
                .min = 16,
                .max = 1e6});
  visit("sl_train", "checkpoint_every", c.sl_train.checkpoint_every,
        KeyInfo{.help = "updates between checkpoints", .min = 1, .max = big, .on_resume = true});

  visit("label", "comparisons", c.label.comparisons,
        KeyInfo{.help = "pairs the judge labels", .min = 1, .max = big});
  visit("label", "method", c.label.method,
        KeyInfo{.help = "of the labels", .choices = {"likelihood_contrast", "multiple_choice"}});
  visit("label", "contrast_scale", c.label.contrast_scale,
        KeyInfo{.help = "likelihood contrast: log-odds a nat", .min = 0.001, .max = 1000});
  visit("label", "clamp", c.label.clamp,
        KeyInfo{.help = "labels stay within [clamp, 1 - clamp]; 0: off", .min = 0, .max = 0.5});
  visit("label", "held_out_principles", c.label.held_out_principles,
        KeyInfo{
            .help = "feedback principles kept for the evaluation's judge", .min = 1, .max = 1000});
  visit("label", "check_pairs", c.label.check_pairs,
        KeyInfo{.help = "labelled pairs both methods are measured on; as many of each kind for the "
                        "evaluation's judge",
                .min = 0,
                .max = big});

  visit("pm_train", "pmp_pairs", c.pm_train.pmp_pairs,
        KeyInfo{.help = "pre-training pairs from scored answers", .min = 0, .max = big});
  visit("pm_train", "helpfulness_pairs", c.pm_train.helpfulness_pairs,
        KeyInfo{.help = "helpfulness comparisons", .min = 0, .max = big});
  visit("pm_train", "harmlessness_pairs", c.pm_train.harmlessness_pairs,
        KeyInfo{.help = "AI-labelled pairs, at most those labelled", .min = 0, .max = big});
  visit("pm_train", "batch", c.pm_train.batch,
        KeyInfo{.help = "pairs an update", .min = 1, .max = 65536});
  visit("pm_train", "max_tokens", c.pm_train.max_tokens,
        KeyInfo{.help = "of one side; longer ones lose their beginning",
                .unit = "tokens",
                .min = 16,
                .max = 1e6});
  visit("pm_train", "pmp_learning_rate", c.pm_train.pmp_learning_rate,
        KeyInfo{.help = "AdamW, on scored answers", .min = 0, .max = 1});
  visit("pm_train", "learning_rate", c.pm_train.learning_rate,
        KeyInfo{.help = "AdamW, on preferences; also of the online PM", .min = 0, .max = 1});
  visit("pm_train", "warmup", c.pm_train.warmup,
        KeyInfo{.help = "as in sl_train, on scored answers and again on preferences; the online PM "
                        "has none",
                .unit = "optimizer steps",
                .min = 0,
                .max = big});
  visit("pm_train", "schedule", c.pm_train.schedule,
        KeyInfo{.help = "as in sl_train, on scored answers and again on preferences; the online "
                        "PM's rate is constant: its pairs are not known before they are drawn",
                .choices = schedules});
  visit("pm_train", "eval_pairs", c.pm_train.eval_pairs,
        KeyInfo{.help = "held-out pairs of each kind the PM is measured on", .min = 0, .max = big});
  visit("pm_train", "checkpoint_every", c.pm_train.checkpoint_every,
        KeyInfo{.help = "updates between checkpoints", .min = 1, .max = big, .on_resume = true});

  visit("firewall", "helpful_prompts", c.firewall.helpful_prompts,
        KeyInfo{.help = "helpful prompts the detector is fitted on", .min = 0, .max = big});
  visit("firewall", "held_out_prompts", c.firewall.held_out_prompts,
        KeyInfo{.help = "prompts of each kind it is measured on", .min = 0, .max = big});

  visit("rl", "updates", c.rl.updates,
        KeyInfo{.help = "policy versions", .min = 1, .max = big, .on_resume = true});
  visit("rl", "batch", c.rl.batch,
        KeyInfo{.help = "trajectories a version", .min = 1, .max = 65536});
  visit("rl", "max_new_tokens", c.rl.max_new_tokens,
        KeyInfo{.help = "of a response (the paper: 128)", .unit = "tokens", .min = 1, .max = 8192});
  visit("rl", "epochs", c.rl.epochs,
        KeyInfo{.help = "passes over a batch (the paper: 1, 2 or 4)", .min = 1, .max = 32});
  visit("rl", "minibatches", c.rl.minibatches,
        KeyInfo{.help = "optimizer steps a pass", .min = 1, .max = 1024});
  visit("rl", "learning_rate", c.rl.learning_rate, KeyInfo{.help = "AdamW", .min = 0, .max = 1});
  visit("rl", "warmup", c.rl.warmup, warmup);
  visit("rl", "schedule", c.rl.schedule,
        KeyInfo{.help = "of the rate after the warm-up; linear and cosine fall to 0 at the end of "
                        "rl.updates, and by its new value when a resumed run changes it",
                .choices = schedules});
  visit("rl", "kl_coef", c.rl.kl_coef,
        KeyInfo{.help = "of the KL to the reference in the reward (the paper: 0.001)",
                .min = 0,
                .max = 100});
  visit("rl", "clip_epsilon", c.rl.clip_epsilon,
        KeyInfo{.help = "PPO clip", .min = 0.001, .max = 10});
  visit("rl", "lambda", c.rl.lambda, KeyInfo{.help = "GAE", .min = 0, .max = 1});
  visit("rl", "importance_cap", c.rl.importance_cap,
        KeyInfo{.help = "truncation of proximal / behaviour", .min = 1, .max = 1000});
  visit("rl", "max_staleness", c.rl.max_staleness,
        KeyInfo{.help = "versions a trajectory may be behind; 0: synchronous",
                .min = 0,
                .max = 64,
                .on_resume = true});
  visit("rl", "red_team_fraction", c.rl.red_team_fraction,
        KeyInfo{.help = "of the prompts", .min = 0, .max = 1});
  visit(
      "rl", "online_pm", c.rl.online_pm,
      KeyInfo{.help =
                  "the PM goes on learning from pairs of the policy; false: frozen, as the paper"});
  visit("rl", "pair_fraction", c.rl.pair_fraction,
        KeyInfo{.help = "pairs drawn a rollout prompt while the PM is online", .min = 0, .max = 4});
  visit("rl", "pm_batch", c.rl.pm_batch,
        KeyInfo{.help = "preferences an online PM version", .min = 1, .max = 65536});
  visit("rl", "checkpoint_every", c.rl.checkpoint_every,
        KeyInfo{.help = "versions between checkpoints", .min = 1, .max = big, .on_resume = true});
  visit("rl", "keep_checkpoints", c.rl.keep_checkpoints,
        KeyInfo{.help = "newest checkpoints kept of each model",
                .min = 2,
                .max = 1000,
                .on_resume = true});

  visit("eval", "prompts", c.eval.prompts,
        KeyInfo{.help = "held-out prompts a snapshot, half of each kind", .min = 0, .max = big});
  visit("eval", "max_new_tokens", c.eval.max_new_tokens,
        KeyInfo{.help = "of an answer", .unit = "tokens", .min = 1, .max = 8192});
  visit("eval", "bootstrap", c.eval.bootstrap,
        KeyInfo{.help = "resamples behind each interval", .min = 10, .max = 1e6});

  visit(
      "metrics", "address", c.metrics.address,
      KeyInfo{.help = "host:port of /metrics in the control process; the others take the next free "
                      "ports; port 0: any free one in each",
              .on_resume = true});
}

}  // namespace charter::config
