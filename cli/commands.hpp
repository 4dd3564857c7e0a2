// The subcommands of `charter`. Each add_* registers one on the app, with its options and the
// callback that runs it. A callback throws std::exception for bad input; main prints it as one
// line.
#pragma once
#include <sys/types.h>

namespace CLI {
class App;
}

namespace charter::cli {

// Prompts, answers and judgements are the user's: a run and a copy of it are written with this
// umask, so that nobody else reads them. Workers inherit it.
inline constexpr mode_t kPrivateUmask = 077;

void add_config(CLI::App& app);    // check and explain a run's configuration
void add_plan(CLI::App& app);      // time, memory and disk a run will take
void add_import(CLI::App& app);    // GGUF or Hugging Face directory in
void add_export(CLI::App& app);    // Hugging Face directory out
void add_tokenize(CLI::App& app);  // text to token ids, JSONL
void add_generate(CLI::App& app);  // prompts to answers, JSONL
void add_score(CLI::App& app);     // log-probabilities of given continuations, JSONL
void add_run(CLI::App& app);       // the stages of a run
void add_worker(CLI::App& app);    // one process of a run, started by it
void add_status(CLI::App& app);    // where a run stands
void add_backup(CLI::App& app);    // a copy of a run, also of a live one
void add_report(CLI::App& app);    // what came of a run, HTML

}  // namespace charter::cli
