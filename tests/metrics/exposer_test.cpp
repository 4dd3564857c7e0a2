#include "metrics/exposer.hpp"

#include <gtest/gtest.h>
#include <prometheus/gauge.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "httplib.h"
#include "tests/metrics/all_metrics.hpp"

namespace charter::metrics {
namespace {

const prometheus::Labels kProcess = {{"run", "r"}, {"process", "engine"}};

std::string error_of(const std::string& address) {
  try {
    Exposer exposer(address, std::make_shared<prometheus::Registry>(), kProcess);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

std::string scrape(const Exposer& exposer, const std::string& host = "127.0.0.1") {
  httplib::Client client(host, exposer.port());
  client.set_read_timeout(5);
  const auto response = client.Get("/metrics");
  return response && response->status == 200 ? response->body : "";
}

bool has_ipv6() {
  try {
    (void)resolve("[::1]:0");
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

TEST(Exposer, ServesMetricsOnTheChosenFreePort) {
  auto registry = std::make_shared<prometheus::Registry>();
  AllMetrics all(*registry, {{"run", "r"}, {"actor", "a"}});
  all.learner.policy_version.Set(7);
  const Exposer exposer("127.0.0.1:0", registry, kProcess);
  EXPECT_GT(exposer.port(), 0);
  EXPECT_EQ(exposer.address(), "127.0.0.1:" + std::to_string(exposer.port()));
  const std::string body = scrape(exposer);
  EXPECT_NE(body.find("charter_policy_version{actor=\"a\",run=\"r\"} 7"), std::string::npos)
      << body;
  EXPECT_NE(body.find("charter_process_resident_memory_bytes{"), std::string::npos);
}

TEST(Exposer, SaysWhichAddressIsInUse) {
  const Exposer first("127.0.0.1:0", std::make_shared<prometheus::Registry>(), kProcess);
  EXPECT_EQ(error_of(first.address()),
            "metrics address " + first.address() +
                ": in use; choose another port, or port 0 for a free one");
}

TEST(Exposer, FreesItsPortAtItsEnd) {
  std::string address;
  {
    const Exposer first("127.0.0.1:0", std::make_shared<prometheus::Registry>(), kProcess);
    address = first.address();
  }
  EXPECT_EQ(error_of(address), "no error");
}

TEST(Exposer, ServesOnTheAddressOfAName) {
  const Exposer exposer("localhost:0", std::make_shared<prometheus::Registry>(), kProcess);
  EXPECT_EQ(exposer.address(), "127.0.0.1:" + std::to_string(exposer.port()));
  EXPECT_NE(scrape(exposer), "");
}

TEST(Exposer, ServesOnIpv6) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no ::1";
  const Exposer exposer("[::1]:0", std::make_shared<prometheus::Registry>(), kProcess);
  EXPECT_EQ(exposer.address(), "[::1]:" + std::to_string(exposer.port()));
  EXPECT_NE(scrape(exposer, "::1"), "");
}

TEST(Exposer, TakesTheNextPortsWhereItMay) {
  const Exposer control("127.0.0.1:0", std::make_shared<prometheus::Registry>(), kProcess);
  const Exposer engine(control.address(), std::make_shared<prometheus::Registry>(), kProcess,
                       kWorkerPorts);
  const Exposer trainer(control.address(), std::make_shared<prometheus::Registry>(), kProcess,
                        kWorkerPorts);
  EXPECT_GT(engine.port(), control.port());
  EXPECT_LT(engine.port(), control.port() + kWorkerPorts);
  EXPECT_GT(trainer.port(), engine.port());
  EXPECT_NE(scrape(trainer), "");
  EXPECT_NE(scrape(control), "");
}

TEST(Exposer, SaysHowManyPortsItTried) {
  const Exposer first("127.0.0.1:65535", std::make_shared<prometheus::Registry>(), kProcess);
  try {
    const Exposer second("127.0.0.1:65535", std::make_shared<prometheus::Registry>(), kProcess, 3);
    FAIL() << "expected an error";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "metrics address 127.0.0.1:65535 and the 2 ports after it: in use; choose another "
                 "port, or port 0 for a free one");
  }
}

TEST(Exposer, ServesTwoScrapersAtOnceAndWhatIsAddedLater) {
  Exposer exposer("127.0.0.1:0", std::make_shared<prometheus::Registry>(), kProcess);
  const auto later = std::make_shared<prometheus::Registry>();
  prometheus::BuildGauge().Name("charter_later").Register(*later).Add({}).Set(3);
  exposer.add(later);
  std::string other;
  std::thread second([&] { other = scrape(exposer); });
  EXPECT_NE(scrape(exposer).find("charter_later 3"), std::string::npos);
  second.join();
  EXPECT_NE(other.find("charter_later 3"), std::string::npos);
}

TEST(TargetsPath, LiesBesideTheRunDirectory) {
  EXPECT_EQ(targets_path("runs/quickstart"), "runs/quickstart.targets.json");
  EXPECT_EQ(targets_path("runs/quickstart/"), "runs/quickstart.targets.json");
  EXPECT_EQ(targets_path("/a/./b/v1.2"), "/a/b/v1.2.targets.json");
}

TEST(WriteTargets, ListsEveryProcessAsPrometheusReadsIt) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("charter-" + std::to_string(getpid()) + ".targets.json");
  write_targets(path, {{"127.0.0.1:9400", "control"}, {"127.0.0.1:40123", "engine"}});
  std::ifstream file(path);
  const auto groups = nlohmann::json::parse(file);
  std::filesystem::remove(path);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[1]["targets"][0], "127.0.0.1:40123");
  EXPECT_EQ(groups[1]["labels"]["process"], "engine");
}

TEST(WriteTargets, NamesTheFileItCannotWrite) {
  try {
    write_targets("/nonexistent/r.targets.json", {});
    FAIL() << "expected an error";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).find("/nonexistent/r.targets.json: cannot write"), 0u);
  }
}

}  // namespace
}  // namespace charter::metrics
