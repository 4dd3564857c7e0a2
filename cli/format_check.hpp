// One conversation in the run's formats, before the first stage: whether its markers are there, and
// whether prompt, examples and answers fit into the context.
#pragma once
#include <string>
#include <vector>

#include "actors/policy_text.hpp"
#include "cli/data_check.hpp"
#include "config/run_config.hpp"

namespace charter::cli {

// Throws std::runtime_error when a conversation of the run cannot be encoded.
void check_format(const actors::PolicyText& text);

// Throws std::runtime_error "data.KEY: row 'ID': ..." for a system turn in a format that has none:
// every such row would be given up.
void check_system_turns(const actors::PolicyText& text, const RunData& data);

// The chain of critique and revision on the shortest training prompt, with answers of full length.
// Throws std::runtime_error "models.max_context: ..." when a request does not fit even without
// examples; returns a line when examples must be left out for want of context, else "".
[[nodiscard]] std::string check_chain(const actors::PolicyText& text,
                                      const config::RunConfig& config, const RunData& data);

// How many training prompts are too long for the context and will be given up: a line for each file
// that has some. Throws std::runtime_error "data.KEY: ..." when all of a file's are.
[[nodiscard]] std::vector<std::string> check_prompt_lengths(const actors::PolicyText& text,
                                                            const config::RunConfig& config,
                                                            const RunData& data);

// How many pairs of data.helpfulness to train on are the same tokens once their beginnings are cut
// to pm_train.max_tokens, and will be given up: a line, or "" when none is. text: the preference
// model's.
[[nodiscard]] std::string check_equal_answers(const actors::PolicyText& text,
                                              const config::RunConfig& config, const RunData& data);

}  // namespace charter::cli
