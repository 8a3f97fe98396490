// A daemon that is asked until it gives its answers from memory.
#pragma once

#include <unistd.h>

#include <sstream>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {

namespace fs = std::filesystem;

/// As programs do that do not write in place.
inline void replace(const fs::path& path, std::string_view text) {
    const fs::path beside = path.string() + ".new";
    write_file(beside, text);
    fs::rename(beside, path);
}

class Remembered : public CapsuleTest {
  protected:
    static constexpr const char* claude_zai = R"({"agent":"claude","provider":"zai"})";
    static constexpr const char* codex_minimax = R"({"agent":"codex","provider":"minimax"})";
    static constexpr const char* opencode_zai = R"({"agent":"opencode","provider":"zai"})";

    /// In a batch, which is always worked out.
    std::int64_t remembered() const {
        const json::value answers = parse(daemon().connect().ask("[" + request("1", "status") + "]"));
        return at(answers, "/0/result/requests/remembered").to_number<std::int64_t>();
    }

    /// Asks until an answer is given from memory, and gives it.
    json::value settle(const char* params) const {
        for (int i = 0; i < 10; ++i) {
            const std::int64_t before = remembered();
            json::value answer = call("spawn", params);
            if (remembered() == before + 1) return answer;
        }
        ADD_FAILURE() << "not remembered: " << params;
        return {};
    }

    json::value settle_with(const Environment& env, const char* params, const std::string& config = "") {
        start({.env = env, .config = config});
        return settle(params);
    }

    static std::string env_of(const json::value& plan, const std::string& name) {
        return text_at(plan, "/env/" + name);
    }

    static std::string action(const json::value& plan, const fs::path& path) {
        return text_at(find_by(at(plan, "/files"), "path", path.string()), "/action");
    }
};

}  // namespace capsule::test
