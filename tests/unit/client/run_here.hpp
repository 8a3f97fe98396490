// capsulectl in the test's own process.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "client/commands/run.hpp"
#include "tests/unit/client/test_server.hpp"

namespace capsule::test {

using Words = std::vector<std::string>;

struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
};

/// capsulectl with these words, standard streams captured, in this process.
inline Outcome capsulectl(const Words& words) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = static_cast<int>(run_capsulectl(words));
    std::fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

inline Outcome capsulectl_at(const TestServer& server, Words words) {
    words.insert(words.begin(), {"--socket", server.path()});
    return capsulectl(words);
}

}  // namespace capsule::test
