// A session that comes near its model's window makes its conversation shorter and goes on; one that is half full does
// not. The stand-in counts the tokens.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "client/recorder/conversation.hpp"
#include "client/recorder/reply.hpp"
#include "tests/e2e/cells.hpp"

namespace capsule::e2e {

namespace {

struct Window {
    std::string agent;
    std::string provider;
    std::int64_t tokens;
    std::string capsule_toml = {};
};

void PrintTo(const Window& window, std::ostream* out) {
    *out << window.agent << " on " << window.provider;
}

class Windows : public testing::TestWithParam<Window> {
  protected:
    World world;
};

std::vector<Window> windows() {
    // What a membership gives, an operator says, for every agent at once.
    const std::string membership = "[providers.kimi.models.\"kimi-for-coding\"]\ncontext_window = 1048576\n";
    std::vector<Window> all;
    for (const char* agent : {"claude", "codex", "opencode"}) {
        all.push_back({agent, "zai", 1000000});
        all.push_back({agent, "minimax", 1000000});
        all.push_back({agent, "kimi", 262144});
        all.push_back({agent, "kimi", 1048576, membership});
    }
    return all;
}

std::string window_name(const testing::TestParamInfo<Window>& info) {
    return info.param.agent + "_" + info.param.provider + "_" + std::to_string(info.param.tokens);
}

}  // namespace

/// One session that is half full first, and then nearly full: an agent's start is most of the time.
TEST_P(Windows, OneThatIsNearlyFullIsMadeShorterAndOneThatIsHalfFullIsNot) {
    const std::int64_t half = GetParam().tokens / 2, nearly = GetParam().tokens / 200 * 197;
    world.start_daemon(GetParam().capsule_toml);
    const AgentRun run = world.run(GetParam().agent, GetParam().provider,
                                   one_shot(GetParam().agent, "[[fill " + std::to_string(half) + "," +
                                                                  std::to_string(nearly) + " printf %s-%s tool ran]]"));
    // The half-full conversation went on as it was: its second call of the tool has both outputs before any summary.
    const auto went_on = std::ranges::find_if(run.requests, [](const RecordedRequest& request) {
        const auto conversation = parse_conversation(request);
        return conversation && conversation->tool_outputs.size() == 2;
    });
    ASSERT_NE(went_on, run.requests.end());
    for (auto each = run.requests.begin(); each != went_on; ++each)
        EXPECT_EQ(reply_to(*each).body.find(stand_in_summary), std::string::npos);
    expect_printed(run, std::string(after_summary));
    expect_route(run, cell(GetParam().agent, GetParam().provider));
}

INSTANTIATE_TEST_SUITE_P(Windows, Windows, testing::ValuesIn(windows()), window_name);

}  // namespace capsule::e2e
