// charter run CONFIG: every stage, or one; resumes; Ctrl-C drains and checkpoints.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <caf/all.hpp>
#include <iostream>
#include <zmq.hpp>

#include "actors/actor_host.hpp"
#include "actors/link_meter.hpp"
#include "actors/pipeline.hpp"
#include "actors/transport/zmq_link.hpp"
#include "actors/wire.hpp"
#include "cli/commands.hpp"
#include "cli/descriptor_limit.hpp"
#include "cli/environment.hpp"
#include "cli/limit_history.hpp"
#include "cli/machine_probe.hpp"
#include "cli/output_file.hpp"
#include "cli/report_builder.hpp"
#include "cli/run_directory.hpp"
#include "cli/run_signals.hpp"
#include "cli/run_temporaries.hpp"
#include "cli/run_view.hpp"
#include "cli/start_checks.hpp"
#include "config/machine.hpp"
#include "config/plan.hpp"
#include "metrics/exposer.hpp"
#include "model/allocation.hpp"
#include "report/html_report.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct RunArguments {
  std::string file, stage;
  std::vector<std::string> overrides;
  bool accept_data = false;
};

std::map<std::string, double> planned_seconds(const config::RunConfig& config,
                                              const config::ModelSizes& sizes) {
  std::map<std::string, double> planned;
  for (const auto& stage :
       config::plan(config, sizes, measure_gflops(config::compute_slots(config))))
    planned[stage.stage] = stage.seconds;
  return planned;
}

void render_report(const RunDirectory& run, const config::RunConfig& config,
                   const store::Ledger& ledger) {
  const auto path = run.paths.run / "report.html";
  const auto html = report::render_html(build_report(ledger, config, run.paths.run));
  OutputFile out(path.string());
  out.stream() << html;
  out.commit();
  std::cerr << "report: " << path.string() << "\n";
}

void write_report(const RunDirectory& run, const config::RunConfig& config, store::Ledger& ledger) {
  const auto before = ledger.stage("report").value_or(store::StageRow{.name = "report"});
  auto row = before;
  const auto started = Clock::now();
  row.state = store::StageState::kDone;  // the report shows itself as done
  ledger.set_stage(row);
  try {
    render_report(run, config, ledger);
  } catch (const std::exception&) {
    ledger.set_stage(before);
    throw;
  }
  row.spent_seconds = std::chrono::duration<double>(Clock::now() - started).count();
  ledger.set_stage(row);
}

actors::PipelineOptions pipeline_options(const RunDirectory& run, const config::RunConfig& config,
                                         const RunTemporaries& temporaries,
                                         std::shared_ptr<transport::Transport> transport,
                                         const config::ModelSizes& sizes, RunSignals& signals,
                                         const std::string& stage) {
  actors::PipelineOptions options;
  options.context.paths = run.paths;
  options.context.config = config;
  options.context.data = data_directory();
  options.context.snapshots = temporaries.snapshots();
  options.context.wiring.meter = std::make_shared<actors::LinkMeter>(transport, config.run.name);
  options.context.wiring.transport = std::move(transport);
  options.context.wiring.addresses = {.transport = config.machine.transport,
                                      .run_id = run.manifest.run_id(),
                                      .ipc_directory = temporaries.sockets(),
                                      .tcp_base_port = config.machine.tcp_base_port};
  options.context.wiring.counts = actors::role_counts(config);
  options.context.wiring.hello.run_id = std::stoull(run.manifest.run_id(), nullptr, 16);
  options.context.wiring.hello.schema_hash = actors::WireTypes::schema_hash();
  options.context.registry = std::make_shared<prometheus::Registry>();
  options.binary = fs::read_symlink("/proc/self/exe");
  options.only_stage = stage;
  options.planned_seconds = planned_seconds(config, sizes);
  options.stopping = [&signals] { return signals.stopping(); };
  options.notices = [&signals] { return signals.notices(); };
  options.check_data = [config, recorded = run.manifest.inputs()] {
    require_unchanged(recorded, measure_data(config, data_directory()));
  };
  return options;
}

// The addresses of the run's metrics, listed as long as it lives.
class ListedTargets {
 public:
  ListedTargets(fs::path file, const std::string& control) : file_(std::move(file)) {
    metrics::write_targets(file_, {{control, "control"}});
  }
  ~ListedTargets() {
    try {
      metrics::write_targets(file_, {});
    } catch (const std::exception& e) {
      std::cerr << "charter: " << e.what() << "\n";
    }
  }
  ListedTargets(const ListedTargets&) = delete;
  ListedTargets& operator=(const ListedTargets&) = delete;

 private:
  fs::path file_;
};

// ledger: read between phases only.
actors::PipelineView callbacks_of(RunView& view, RunManifest& manifest,
                                  const store::Ledger& ledger) {
  actors::PipelineView callbacks;
  callbacks.stage_begins = [&view](const std::string& stage, double planned) {
    view.message(stage + ": planned " + fixed(planned, 0) + " s");
  };
  callbacks.progress = [&view](const auto& phase, const auto& status, double) {
    view.progress(phase, status);
  };
  callbacks.stage_ends = [&](const std::string& stage, const store::StageRow& row) {
    manifest.set_ledger_commits(ledger.commits());
    manifest.save();
    if (stage == "rl")
      if (const auto exceeded = limits_exceeded(ledger); !exceeded.empty())
        view.message("rl: ends with limits exceeded: " + exceeded);
    view.message(stage + ": " + name(row.state) + (row.reason.empty() ? "" : ": " + row.reason) +
                 ", planned " + fixed(row.planned_seconds, 0) + " s, spent " +
                 fixed(row.spent_seconds, 0) + " s");
  };
  callbacks.event = [&view](const std::string& event) { view.message(event); };
  return callbacks;
}

// On the console and in the ledger.
void tell(const StartFindings& findings, store::Ledger& ledger) {
  for (const auto& line : findings.data) {
    ledger.add_event("info", line);
    std::cerr << line << "\n";
  }
  for (const auto& line : findings.warnings) {
    ledger.add_event("warning", line);
    std::cerr << "warning: " << line << "\n";
  }
}

// Where the ledger's content is when its files are no longer where they were, for the last line.
std::string put_back(store::Ledger& ledger) {
  try {
    const auto what = ledger.put_back();
    return what.empty() ? what : "; " + what;
  } catch (const std::exception& e) {
    return std::string("; ") + e.what();
  }
}

struct Outcome {
  actors::PipelineEnd end{};
  std::string failure;  // its cause; end says nothing then
};

// The pipeline and its actors, until they have ended. leave: ends the process where they do not.
Outcome run_actors(const actors::PipelineOptions& options,
                   const std::shared_ptr<transport::Transport>& transport,
                   const std::shared_ptr<store::Ledger>& ledger, const actors::PipelineView& view,
                   const std::function<void(const std::string&)>& leave) {
  Outcome outcome;
  int stops = 0;  // asked for before the actors' end: only a later one is in a hurry
  {
    actors::ActorHost host(
        options.context.wiring.roster, transport,
        {.hurry = [&] { return RunSignals::stop_requests() > stops; },
         .give_up =
             [&] { leave(outcome.failure.empty() ? "ended without them" : outcome.failure); }});
    try {
      outcome.end = actors::run_pipeline(host.system(), ledger, options, view);
    } catch (const actors::HungActor& hung) {  // the host's end would wait for it
      leave(hung.what());
    } catch (const std::exception& e) {  // told when the actors have ended, or have not
      outcome.failure = e.what();
    }
    stops = RunSignals::stop_requests();
  }
  return outcome;
}

void run(const RunArguments& arguments) {
  auto config = load_run_config(arguments.file, arguments.overrides);
  if (config.machine.placement == "single") model::keep_freed_memory();
  ::umask(kPrivateUmask);
  // All that is read is read before config.toml makes the directory a run that would be resumed.
  const auto findings =
      check_start(config, data_directory(), {.stage = arguments.stage, .directory = false});
  auto directory = open_run_directory(config);
  config.models = directory.models;
  take_data(directory, measure_data(config, data_directory()), arguments.accept_data);
  import_models(directory, config, [](const std::string& text) { std::cerr << text << "\n"; });
  auto ledger = std::make_shared<store::Ledger>(begin_run(directory, config));
  for (const auto& key : directory.accepted) ledger->add_event("info", "resumed with " + key);
  tell(findings, *ledger);
  for (const auto& line : directory.data_changes) std::cerr << line << "\n";
  if (directory.resumed) std::cerr << "resuming " << directory.paths.run.string() << "\n";
  RunSignals signals;

  zmq::context_t zmq_context;
  zmq_context.set(zmq::ctxopt::max_sockets, static_cast<int>(descriptors_needed(config)));
  const auto key = transport::make_run_key();
  auto transport = std::make_shared<transport::ZmqTransport>(zmq_context, key);
  const auto sizes = model_sizes(directory.paths.weights() / "base");
  auto temporaries = std::make_unique<RunTemporaries>(
      directory.paths.run, directory.manifest.run_id(),
      SharedMemory{.needed_bytes = config::snapshot_bytes(config, sizes)});
  auto options =
      pipeline_options(directory, config, *temporaries, transport, sizes, signals, arguments.stage);
  metrics::Exposer exposer(config.metrics.address, options.context.registry,
                           {{"run", config.run.name}, {"process", "control"}});
  exposer.add(options.context.wiring.meter);
  options.metrics_address = exposer.address();
  options.context.key = key;
  auto targets = std::make_unique<ListedTargets>(metrics::targets_path(directory.paths.run),
                                                 exposer.address());

  // Twice the time after which a silent process is restarted: a standstill that ends by itself is
  // not worth a line.
  RunView view(directory.paths.ledger(),
               std::chrono::duration<double>(2 * config.machine.heartbeat_seconds));
  const auto leave_without_them = [&](const std::string& why) {
    std::cerr << "charter: " << why << "; the same command goes on from here\n";
    targets.reset();
    temporaries.reset();
    std::_Exit(1);
  };
  const auto [end, failure] =
      run_actors(options, transport, ledger, callbacks_of(view, directory.manifest, *ledger),
                 leave_without_them);
  if (!failure.empty()) throw std::runtime_error(failure + put_back(*ledger));
  if (end == actors::PipelineEnd::kStopped) {
    std::cerr << "stopped; the same command goes on from here\n";
    throw CLI::RuntimeError(130);
  }
  if (arguments.stage.empty() || arguments.stage == "report")
    write_report(directory, config, *ledger);
}

}  // namespace

void add_run(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  auto* command = app.add_subcommand(
      "run", "Run every stage of a configuration, or one; resumes where it stopped");
  command->add_option("config", arguments->file, "run configuration (TOML)")->required();
  command->add_option("--stage", arguments->stage, "only this stage")
      ->check(CLI::IsMember(actors::stage_names()));
  command->add_option("--set", arguments->overrides, "section.key=value, over the file's");
  command->add_flag("--accept-data", arguments->accept_data,
                    "take data files that have changed since the run began");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace charter::cli
