// What the learner trains on next: leased conversations or scored trajectories, checked and
// gathered into batches.
#pragma once
#include "actors/ppo_learner.hpp"

namespace charter::actors {

// A leased conversation. One that cannot be read or rendered is quarantined.
void take_example(LearnerState& state, const WorkItem& item);
// A batch of the replay buffer. What cannot be trained on (a remote value is checked before pure
// code sees it) is taken out and its prompt quarantined; a batch of which nothing is left is given
// back as done.
void take_batch(LearnerState& state, const From<Batch>& m, const metrics::LearnerMetrics& metrics);
// Hands the next batch to the trainer; false when none is there.
bool begin_batch(LearnerState& state);

}  // namespace charter::actors
