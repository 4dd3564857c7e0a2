// charter run CONFIG: every stage, or one; resumes; Ctrl-C drains and checkpoints.
#include <CLI/CLI.hpp>
#include <caf/all.hpp>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <zmq.hpp>

#include "actors/pipeline.hpp"
#include "actors/transport/zmq_link.hpp"
#include "actors/wire.hpp"
#include "cli/commands.hpp"
#include "cli/environment.hpp"
#include "cli/machine_probe.hpp"
#include "cli/output_file.hpp"
#include "cli/report_builder.hpp"
#include "cli/run_directory.hpp"
#include "config/machine.hpp"
#include "config/plan.hpp"
#include "metrics/exposer.hpp"
#include "report/html_report.hpp"
#include "report/progress.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct RunArguments {
  std::string file, stage;
  std::vector<std::string> overrides;
};

std::atomic<int> stop_requests{0};

extern "C" void request_stop(int) {
  if (++stop_requests >= 3) ::_exit(130);   // the third Ctrl-C does not wait for anything
}

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = request_stop;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

// Snapshots on their way live in shared memory where there is some. Emptied: what a killed run left is of no use.
fs::path temporary_directory(const fs::path& preferred, const fs::path& fallback, const std::string& name) {
  const fs::path base = ::access(preferred.c_str(), W_OK) == 0 ? preferred : fallback;
  const auto path = base / name;
  fs::remove_all(path);
  fs::create_directories(path);
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

std::map<std::string, double> planned_seconds(const config::RunConfig& config) {
  std::map<std::string, double> planned;
  for (const auto& stage : config::plan(config, model_sizes(config.models.base), measure_gflops(config::compute_slots(config))))
    planned[stage.stage] = stage.seconds;
  return planned;
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

// The progress line: what is counted, tokens a second of the last seconds, and in the rl stage reward, KL and staleness of the
// newest version, read from the ledger beside its writer.
class View {
 public:
  explicit View(fs::path ledger)
      : ledger_(std::move(ledger)),
        printer_(std::cerr, {.terminal = ::isatty(STDERR_FILENO) == 1,
                             .utf8 = report::is_utf8_locale(std::getenv("LC_ALL"), std::getenv("LC_CTYPE"), std::getenv("LANG")),
                             .width = terminal_width()}) {}

  void progress(const actors::Phase& phase, const actors::PhaseStatus& status, double elapsed) {
    const auto now = Clock::now();
    if (phase.name != phase_) begin(phase.name, now);
    measure(status, now);
    line_.stage = phase.name;
    line_.done = status.source.done;
    line_.total = status.source.total;
    line_.elapsed_seconds = std::chrono::duration<double>(now - phase_began_).count();
    line_.eta_seconds = report::estimate_eta(line_.done, line_.total, line_.elapsed_seconds);
    line_.numbers.clear();
    if (phase.name == "rl") add_rl(status, now);
    line_.numbers.emplace_back("tok/s", number(rate_, 0));
    printer_.set_width(terminal_width());
    if (status.state == actors::PhaseStatus::State::kRunning) printer_.update(line_, now);
    else printer_.finish(line_, now);
    watch_for_standstill(status, now);
    (void)elapsed;
  }
  void message(const std::string& text) { printer_.message(text); }

 private:
  void begin(const std::string& phase, Clock::time_point now) {
    phase_ = phase;
    phase_began_ = last_measured_ = last_progress_ = now;
    tokens_ = 0;
    progress_ = -1;
    rate_ = 0;
  }

  void measure(const actors::PhaseStatus& status, Clock::time_point now) {
    int64_t tokens = 0;
    for (const auto& [name, role] : status.roles) tokens += role.tokens;
    const double seconds = std::chrono::duration<double>(now - last_measured_).count();
    if (seconds < 2) return;
    rate_ = std::max<double>(0, static_cast<double>(tokens - tokens_)) / seconds;
    tokens_ = tokens;
    last_measured_ = now;
  }

  void add_rl(const actors::PhaseStatus& status, Clock::time_point now) {
    if (now - last_read_ > std::chrono::seconds(2)) {
      last_read_ = now;
      const auto versions = store::Ledger::open_read_only(ledger_).versions("policy");
      if (!versions.empty()) newest_ = nlohmann::json::parse(versions.back().stats);
    }
    line_.numbers.emplace_back("version", std::to_string(status.source.version));
    if (!newest_.is_object()) return;
    line_.numbers.emplace_back("reward", number(newest_.value("reward_mean", 0.0), 2));
    line_.numbers.emplace_back("kl", number(newest_.value("kl_k1", 0.0), 3));
    line_.numbers.emplace_back("staleness", number(newest_.value("staleness_mean", 0.0), 1));
  }

  // No progress for a minute: say who waits for whom.
  void watch_for_standstill(const actors::PhaseStatus& status, Clock::time_point now) {
    int64_t progress = status.source.done;
    for (const auto& [name, role] : status.roles) progress += role.progress;
    if (progress != progress_) {
      progress_ = progress;
      last_progress_ = now;
      return;
    }
    if (now - last_progress_ < std::chrono::seconds(60)) return;
    last_progress_ = now;
    std::string text = "no progress for 60 s:";
    for (const auto& [name, role] : status.roles) text += " " + name + " (" + role.state + ")";
    message(text);
  }

  fs::path ledger_;
  report::ProgressPrinter printer_;
  report::ProgressLine line_;
  std::string phase_;
  Clock::time_point phase_began_{}, last_measured_{}, last_progress_{}, last_read_{};
  int64_t tokens_ = 0, progress_ = -1;
  double rate_ = 0;
  nlohmann::json newest_;
};

void write_report(const RunDirectory& run, const config::RunConfig& config, std::shared_ptr<store::Ledger> ledger) {
  auto row = ledger->stage("report").value_or(store::StageRow{.name = "report"});
  const auto started = Clock::now();
  row.state = store::StageState::kDone;   // the report shows itself as done
  ledger->set_stage(row);
  const auto html = report::render_html(build_report(*ledger, config, run.paths.run));
  const auto path = run.paths.run / "report.html";
  OutputFile out(path.string());
  out.stream() << html;
  out.commit();
  row.spent_seconds = std::chrono::duration<double>(Clock::now() - started).count();
  ledger->set_stage(row);
  std::cerr << "report: " << path.string() << "\n";
}

actors::PipelineOptions pipeline_options(const RunDirectory& run, const config::RunConfig& config,
                                         std::shared_ptr<transport::Transport> transport, const std::string& stage) {
  actors::PipelineOptions options;
  options.context.paths = run.paths;
  options.context.config = config;
  options.context.data = data_directory();
  options.context.shared_memory = temporary_directory("/dev/shm", run.paths.run, "charter-" + run.run_id);
  options.context.wiring.transport = std::move(transport);
  options.context.wiring.addresses = {
      .transport = config.machine.transport, .run_id = run.run_id,
      .ipc_directory = temporary_directory(fs::temp_directory_path(), run.paths.run, "charter-ipc-" + run.run_id),
      .tcp_base_port = config.machine.tcp_base_port};
  options.context.wiring.hello.run_id = std::stoull(run.run_id, nullptr, 16);
  options.context.wiring.hello.schema_hash = actors::WireTypes::schema_hash();
  options.context.registry = std::make_shared<prometheus::Registry>();
  options.binary = fs::read_symlink("/proc/self/exe");
  options.only_stage = stage;
  options.planned_seconds = planned_seconds(config);
  options.stop = &stop_requests;
  return options;
}

void run(const RunArguments& arguments) {
  const auto config = load_run_config(arguments.file, arguments.overrides);
  if (config.machine.device != "cpu")
    throw std::runtime_error("machine.device: \"" + config.machine.device + "\" is refused: this version computes on the CPU only; expected \"cpu\"");
  const auto directory = open_run_directory(config);
  auto ledger = std::make_shared<store::Ledger>(store::Ledger::open(directory.paths.ledger(), directory.run_id));
  for (const auto& key : directory.accepted) ledger->add_event("info", "resumed with " + key);
  if (directory.resumed) std::cerr << "resuming " << directory.paths.run.string() << "\n";
  import_models(directory, config, [](const std::string& text) { std::cerr << text << "\n"; });
  catch_signals();

  zmq::context_t zmq_context;
  auto transport = std::make_shared<transport::ZmqTransport>(zmq_context);
  auto options = pipeline_options(directory, config, transport, arguments.stage);
  const metrics::Exposer exposer(config.metrics.address, options.context.registry, {{"run", config.run.name}, {"process", "control"}});
  options.metrics_address = exposer.address();
  metrics::write_targets(metrics::targets_path(directory.paths.run), {{exposer.address(), "control"}});

  View view(directory.paths.ledger());
  actors::PipelineView callbacks;
  callbacks.stage_begins = [&](const std::string& stage, double planned) {
    view.message(stage + ": planned " + number(planned, 0) + " s");
  };
  callbacks.progress = [&](const auto& phase, const auto& status, double elapsed) { view.progress(phase, status, elapsed); };
  callbacks.stage_ends = [&](const std::string& stage, const store::StageRow& row) {
    view.message(stage + ": " + name(row.state) + (row.reason.empty() ? "" : ": " + row.reason) + ", planned " +
                 number(row.planned_seconds, 0) + " s, spent " + number(row.spent_seconds, 0) + " s");
  };
  callbacks.event = [&](const std::string& event) { view.message(event); };

  actors::PipelineEnd end{};
  {
    caf::actor_system_config caf_config;
    caf_config.add_message_types<caf::id_block::charter>();
    caf::actor_system system{caf_config};
    // The links' callbacks hold actors, and the system waits for the last holder of each: the transport goes first, also when
    // the pipeline throws.
    const std::shared_ptr<void> release(nullptr, [&](void*) {
      options.context.wiring.transport.reset();
      transport.reset();
    });
    end = actors::run_pipeline(system, ledger, options, callbacks);
  }
  metrics::write_targets(metrics::targets_path(directory.paths.run), {});
  fs::remove_all(options.context.shared_memory);
  fs::remove_all(options.context.wiring.addresses.ipc_directory);
  if (end == actors::PipelineEnd::kStopped) {
    std::cerr << "stopped; the same command goes on from here\n";
    throw CLI::RuntimeError(130);
  }
  if (arguments.stage.empty() || arguments.stage == "report") write_report(directory, config, ledger);
}

}  // namespace

void add_run(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  auto* command = app.add_subcommand("run", "Run every stage of a configuration, or one; resumes where it stopped");
  command->add_option("config", arguments->file, "run configuration (TOML)")->required();
  command->add_option("--stage", arguments->stage, "only this stage")->check(CLI::IsMember(actors::stage_names()));
  command->add_option("--set", arguments->overrides, "section.key=value, over the file's");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace charter::cli
