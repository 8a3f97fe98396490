// Prometheus' text format, for a textfile collector.
#pragma once

#include <string>

#include "protocol/metrics_messages.hpp"

namespace capsule {

/// Each metric with its HELP and TYPE, then its samples. Names begin with "capsule_".
std::string metrics_text(const MetricsResult& metrics);

}  // namespace capsule
