// Prints the alert rules of the limits, for scripts/alerts.sh.
#include <iostream>

#include "metrics/limits.hpp"

int main() { std::cout << charter::metrics::alert_rules(); }
