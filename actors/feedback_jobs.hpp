// The judgements of the feedback actor: which scoring requests a pair becomes, and what label is
// made of their scores.
#pragma once
#include "actors/feedback_actor.hpp"

namespace charter::actors {

void make_judges(FeedbackState& state);
// Turns a pair into requests to the judge's engine. A pair that cannot be judged (an empty
// response, a conversation longer than the context) is quarantined with the reason.
void begin_judgement(FeedbackState& state, int64_t id, Judgement judgement,
                     const std::string& method, const metrics::FeedbackMetrics& metrics);
// One request's scores are there; with the last of a pair's its label is recorded.
void complete_score(FeedbackState& state, const model::Completion& completion,
                    const metrics::FeedbackMetrics& metrics);
// No label will come of this item.
void fail_judgement(FeedbackState& state, int64_t id, const std::string& why,
                    const metrics::FeedbackMetrics& metrics);

}  // namespace charter::actors
