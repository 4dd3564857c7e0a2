// One process, and still every message from role to role is a frame on a link: the transport that
// all actors share counts what passes on each arrow while the whole pipeline runs.
#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <mutex>
#include <zmq.hpp>

#include "actors/actor_host.hpp"
#include "actors/pipeline.hpp"
#include "actors/transport/zmq_link.hpp"
#include "actors/wire.hpp"
#include "tests/model/model_path.hpp"
#include "tests/stall_watch.hpp"
#include "tests/store/temp_dir.hpp"
#include "tests/system/tiny_model_files.hpp"

namespace charter::actors {
namespace {

using transport::LinkId;
using transport::LinkStats;
using transport::PeerId;

// Forwards everything; adds up each link's totals by arrow and end when it closes.
class CountingTransport final : public transport::Transport {
 public:
  explicit CountingTransport(zmq::context_t& context) : inner_(context) {}

  LinkId bind(transport::LinkOptions options, const std::string& address,
              transport::LinkEvents events) override {
    return note(inner_.bind(std::move(options), address, std::move(events)), address);
  }
  LinkId connect(transport::LinkOptions options, const std::string& address,
                 transport::LinkEvents events) override {
    return note(inner_.connect(std::move(options), address, std::move(events)), address);
  }
  void close(LinkId link) override {
    const auto stats = inner_.stats(link);
    {
      const std::lock_guard lock(mutex_);
      auto& total = totals_[arrows_[link]];
      total.frames_sent += stats.frames_sent;
      total.frames_received += stats.frames_received;
      total.data_sent += stats.data_sent;
      total.data_delivered += stats.data_delivered;
      total.malformed += stats.malformed;
      total.foreign += stats.foreign;
    }
    inner_.close(link);
  }
  std::optional<uint64_t> send(LinkId link, PeerId peer, uint16_t type, std::string body,
                               std::vector<transport::Blob> blobs) override {
    return inner_.send(link, peer, type, std::move(body), std::move(blobs));
  }
  void acknowledge(LinkId link, PeerId peer, uint64_t sequence) override {
    inner_.acknowledge(link, peer, sequence);
  }
  void grant(LinkId link, PeerId peer, int64_t n) override { inner_.grant(link, peer, n); }
  void announce(LinkId link, PeerId peer, uint16_t type, std::string body) override {
    inner_.announce(link, peer, type, std::move(body));
  }
  void raise_lineage(LinkId link, int64_t lineage) override { inner_.raise_lineage(link, lineage); }
  std::string endpoint(LinkId link) const override { return inner_.endpoint(link); }
  LinkStats stats(LinkId link) const override { return inner_.stats(link); }

  LinkStats total(Arrow arrow) {
    const std::lock_guard lock(mutex_);
    return totals_[name(arrow)];
  }

 private:
  // inproc://charter-RUN-ARROW-INDEX
  LinkId note(LinkId link, const std::string& address) {
    const auto end = address.rfind('-'), begin = address.rfind('-', end - 1) + 1;
    const std::lock_guard lock(mutex_);
    arrows_[link] = address.substr(begin, end - begin);
    return link;
  }
  transport::ZmqTransport inner_;
  std::mutex mutex_;
  std::map<LinkId, std::string> arrows_;
  std::map<std::string, LinkStats> totals_;
};

constexpr const char* kConfig = R"(
machine = {placement = "single", transport = "inproc", compute_slots = 2}
rollout = {batch = 4, prefix_cache_mib = 16}
lora = {rank = 2, alpha = 4}
sl_generate = {red_team_prompts = 2, rounds = 1, helpful_prompts = 2, max_new_tokens = 8, fewshot_max_tokens = 200}
sl_train = {batch = 2, max_tokens = 64}
label = {comparisons = 4, check_pairs = 2}
pm_train = {pmp_pairs = 2, helpfulness_pairs = 2, harmlessness_pairs = 2, batch = 2, max_tokens = 64, eval_pairs = 2}
firewall = {helpful_prompts = 8, held_out_prompts = 4}
rl = {updates = 2, batch = 2, max_new_tokens = 8, pair_fraction = 1.0, pm_batch = 1}
eval = {prompts = 4, max_new_tokens = 8, bootstrap = 10}
)";

TEST(FrameCount, EveryArrowCarriesFramesAlsoInOneProcess) {
  const auto vocabulary = model::testing_model_path();
  if (!std::filesystem::exists(vocabulary))
    GTEST_SKIP() << vocabulary << " is absent: scripts/install.sh fetches it";
  const store::TempDir directory;
  zmq::context_t context;
  const auto wire = std::make_shared<CountingTransport>(context);

  PipelineOptions options;
  auto& c = options.context;
  c.paths = {directory.path() / "run"};
  for (const auto& path :
       {c.paths.weights(), c.paths.run / "checkpoints", directory.path() / "shm"})
    std::filesystem::create_directories(path);
  model::save_hf_directory(tiny_model_files(vocabulary), c.paths.weights() / "base");
  c.config = config::parse_config(kConfig, "test", {}, "tiny");
  c.data = CHARTER_SOURCE_DIR "/config";
  c.snapshots = {directory.path() / "shm", directory.path() / "shm"};
  c.wiring.transport = wire;
  c.wiring.addresses = {.transport = "inproc", .run_id = "frames"};
  c.wiring.hello.run_id = 1;
  c.wiring.hello.schema_hash = WireTypes::schema_hash();
  c.registry = std::make_shared<prometheus::Registry>();
  const PipelineView view{.stage_begins = [](const auto&, double) {},
                          .progress = [](const auto&, const auto&, double) {},
                          .stage_ends = [](const auto&, const auto&) {},
                          .event = [](const auto& event) { ADD_FAILURE() << event; }};
  const auto ledger =
      std::make_shared<store::Ledger>(store::Ledger::open(c.paths.ledger(), "frames"));
  {
    const tests::Witness witness([&] { return c.wiring.roster->who(wire.get()); });
    ActorHost host(c.wiring.roster, wire);
    ASSERT_EQ(run_pipeline(host.system(), ledger, options, view), PipelineEnd::kDone);
  }

  using enum Arrow;
  for (const auto arrow :
       {kWork, kRecord, kTrajectory, kPair, kPreference, kScored, kBatch, kWeights, kControl}) {
    const auto total = wire->total(arrow);
    EXPECT_GT(total.frames_sent, 0u) << name(arrow);
    EXPECT_GT(total.frames_received, 0u) << name(arrow);
    EXPECT_LE(total.data_delivered, total.data_sent) << name(arrow);
    EXPECT_EQ(total.malformed, 0u) << name(arrow);
    std::cout << name(arrow) << ": " << total.frames_sent << " frames, " << total.data_sent
              << " messages\n";
  }
  const auto counts = ledger->count_by_state("rl", "rollout");
  EXPECT_EQ(counts.trained, 4);  // 2 updates of 2
  EXPECT_EQ(wire->total(kBatch).data_delivered, 2u);
  EXPECT_GE(wire->total(kTrajectory).data_delivered, 4u);  // more when one was returned as stale
  EXPECT_GE(wire->total(kScored).data_delivered, 4u);
  EXPECT_GE(wire->total(kPair).data_delivered, 4u);     // label.comparisons
  EXPECT_GE(wire->total(kWeights).data_delivered, 3u);  // policy versions 0, 1 and 2
  EXPECT_GT(wire->total(kWork).data_delivered, 20u);
  EXPECT_GT(wire->total(kRecord).data_delivered, 20u);
}

}  // namespace
}  // namespace charter::actors
