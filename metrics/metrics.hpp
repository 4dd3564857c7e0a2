// Every metric of Charter, one struct of references per role. An actor gets its struct by value and
// the registry is an argument of make(): nothing here is global. All names begin with "charter_";
// labels (run, actor, and the few named in the help) take a bounded set of values: never a prompt,
// an id or a version. Each help text says when to worry.
#pragma once

#include "metrics/busy_clock.hpp"        // StageMetrics, BusyClock
#include "metrics/sampling_metrics.hpp"  // prompt_source, rollout, feedback, reward, replay_buffer
#include "metrics/system_metrics.hpp"  // links, queues, weight_store, ledger, checkpoints, supervisor
#include "metrics/training_metrics.hpp"  // ppo_learner, pm_trainer
