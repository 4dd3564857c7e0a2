#include "metrics/listen_address.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::metrics {
namespace {

std::string error_of(const std::string& text) {
  try {
    (void)resolve(text);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ListenAddress, TakesNumbersAndNames) {
  EXPECT_EQ(resolve("127.0.0.1:9400").text(), "127.0.0.1:9400");
  EXPECT_EQ(resolve("0.0.0.0:0").text(), "0.0.0.0:0");
  EXPECT_EQ(resolve("localhost:9400").text(), "127.0.0.1:9400");
  EXPECT_EQ(resolve("127.0.0.1:9400").with_port(9401).text(), "127.0.0.1:9401");
}

TEST(ListenAddress, TakesIpv6InBrackets) {
  try {
    EXPECT_EQ(resolve("[::1]:9400").text(), "[::1]:9400");
    EXPECT_EQ(resolve("[::1]:9400").with_port(9401).text(), "[::1]:9401");
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();  // a host without ::1
  }
}

TEST(ListenAddress, RefusesMalformedAddressesByName) {
  for (const char* text :
       {"", "9400", ":9400", "127.0.0.1", "127.0.0.1:", "127.0.0.1:94a", "127.0.0.1:70000",
        "[::1:9400", "::1:9400", "[]:9400", "[localhost]:9400"}) {
    EXPECT_EQ(error_of(text), "metrics address " + std::string(text) +
                                  ": expected HOST:PORT, such as 127.0.0.1:9400, localhost:9400 "
                                  "or [::1]:9400, port 0 to 65535");
  }
}

TEST(ListenAddress, RefusesNamesThatDoNotResolve) {
  const std::string error = error_of("no-such-host.invalid:9400");
  EXPECT_EQ(error.find("metrics address no-such-host.invalid:9400: no-such-host.invalid: "), 0u)
      << error;
  EXPECT_NE(error.find("expected a name or address of this host"), std::string::npos) << error;
}

TEST(ListenAddress, RefusesAnAddressOfAnotherHost) {
  EXPECT_EQ(error_of("192.0.2.1:9400"),
            "metrics address 192.0.2.1:9400: Cannot assign requested address; expected a name or "
            "address of this host");
}

}  // namespace
}  // namespace charter::metrics
