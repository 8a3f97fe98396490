// What spawn and config.write did to a home.
#pragma once

#include <string>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {

class Files : public CapsuleTest {
  protected:
    std::filesystem::path codex(const std::string& name) const { return home() / ".codex" / name; }
    std::filesystem::path opencode() const { return home() / ".config/opencode/opencode.json"; }

    json::value spawn(const char* agent, const char* provider) const {
        return call("spawn", R"({"agent":")" + std::string(agent) + R"(","provider":")" + provider + "\"}");
    }

    static std::string action(const json::value& plan, const std::filesystem::path& path) {
        return text_at(find_by(at(plan, "/files"), "path", path.string()), "/action");
    }

    /// A spawn that is refused, and leaves the whole home as it was.
    std::string refused_untouched(const char* agent, const char* provider) const {
        const std::string before = snapshot(home());
        const std::string said =
            expect_error("spawn", R"({"agent":")" + std::string(agent) + R"(","provider":")" + provider + "\"}", -32007,
                         "config.conflict");
        EXPECT_EQ(snapshot(home()), before);
        return said;
    }
};

}  // namespace capsule::test
