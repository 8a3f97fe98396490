// Mixed load with reloads, rotated keys, dying clients and malformed requests: memory and descriptors stay where they
// are. A minute, or CAPSULE_SOAK_SECONDS.
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using Clock = std::chrono::steady_clock;

std::chrono::seconds duration() {
    const char* given = std::getenv("CAPSULE_SOAK_SECONDS");
    return std::chrono::seconds(given ? std::atoi(given) : 60);
}

class Soak : public CapsuleTest {
  protected:
    void ask(std::string_view method, std::string_view params = "{}") {
        daemon().connect().ask(request("1", method, params));
        ++requests_;
    }

    std::string any_cell() {
        static constexpr std::array cells{
            R"("agent":"claude","provider":"zai")",       R"("agent":"claude","provider":"minimax")",
            R"("agent":"codex","provider":"minimax")",    R"("agent":"codex","provider":"openai")",
            R"("agent":"opencode","provider":"kimi")",    R"("agent":"opencode","provider":"zai")",
            R"("agent":"claude","provider":"anthropic")", R"("agent":"codex","provider":"zai")"};
        return "{" + std::string(cells[pick(cells.size())]) + "}";
    }

    std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }

    void pipeline(bool read_the_answers) {
        RawConnection connection = daemon().connect();
        std::string all;
        for (int i = 0; i < 40; ++i)
            all += request(std::to_string(i), i % 2 ? "spawn" : "rpc.discover", i % 2 ? any_cell() : "{}") + "\n";
        requests_ += 40;
        connection.send(all);
        for (int i = 0; read_the_answers && i < 40; ++i)
            connection.read_line();
    }

    void malformed() {
        static const std::array<std::string, 6> texts{"{\"jsonrpc\":",
                                                      "nonsense\n",
                                                      "[]\n",
                                                      std::string(40, '[') + "\n",
                                                      std::string(300 * 1024, 'x'),
                                                      R"({"jsonrpc":"2.0","id":1,"method":"spawn","params":{"agnt":1}})"
                                                      "\n"};
        RawConnection connection = daemon().connect();
        connection.send(texts[pick(texts.size())]);
        if (pick(2)) connection.half_close();
    }

    void rotate_a_key() {
        const std::string value = "sk-cp-FAKE-rotated-" + std::to_string(random_());
        ask("auth.set", R"({"provider":"minimax","value":")" + value + "\"}");
        ask("spawn", R"({"agent":"claude","provider":"minimax"})");
        ask("auth.unset", R"({"provider":"minimax"})");
    }

    void reload() {
        write_file(config_file(), pick(4) ? "[env]\nTURN = \"" + std::to_string(requests_) + "\"\n" : "nonsense = 1\n");
        if (pick(2))
            daemon().signal(SIGHUP);
        else
            ask("reload");
    }

    void step() {
        switch (pick(16)) {
            case 0:
                return reload();
            case 1:
                return rotate_a_key();
            case 2:
                return malformed();
            case 3:
                return pipeline(false);
            case 4:
                return pipeline(true);
            case 5:
                return ask("explain", any_cell());
            case 6:
                return ask("config.write", R"({"agent":"opencode"})");
            case 7:
                return ask("auth.list");
            case 8:
                return ask("providers.list", R"({"agent":"claude"})");
            case 9:
                return ask("status");
            default:
                return ask("spawn", any_cell());
        }
    }

    struct Figures {
        long resident_kib;
        std::size_t descriptors;
    };

    /// With no connection open but the one that asks.
    Figures figures() {
        EXPECT_TRUE(eventually([&] { return at(call("status"), "/connections/open").to_number<int>() == 1; }));
        Figures now{resident_kib(daemon().pid()), open_descriptors(daemon().pid())};
        // The one that asked, and a program that was started, are gone within a moment.
        for (int i = 0; i < 100; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            now.descriptors = std::min(now.descriptors, open_descriptors(daemon().pid()));
        }
        return now;
    }

    /// Works until then.
    Figures figures_at(Clock::time_point end) {
        while (Clock::now() < end)
            step();
        const Figures now = figures();
        std::cout << requests_ << " requests: " << now.resident_kib << " KiB resident, " << now.descriptors
                  << " descriptors" << std::endl;
        return now;
    }

    std::mt19937 random_{20'240'601};
    std::size_t requests_ = 0;
};

TEST_F(Soak, MemoryAndDescriptorsStayWhereTheyAre) {
    if (!am_root()) GTEST_SKIP() << "needs root to count the daemon's descriptors";
    start({.config = "[limits]\nrequest_timeout_ms = 500\nwrite_timeout_ms = 500\n"});
    constexpr int quarters = 4;
    const auto begin = Clock::now();
    const Figures warm = figures_at(begin + duration() / quarters);  // when it has its working size
    Figures last = warm;
    for (int quarter = 2; quarter <= quarters; ++quarter)
        last = figures_at(begin + duration() / quarters * quarter);
    EXPECT_EQ(last.descriptors, warm.descriptors);
    EXPECT_LT(last.resident_kib, warm.resident_kib + warm.resident_kib / 10 + 1024);
    write_file(config_file(), "");
    call("reload");
    expect_alive();
}

}  // namespace
}  // namespace capsule::test
