#include "daemon/broker/names.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace capsule::broker {
namespace {

using namespace std::chrono_literals;

/// What getaddrinfo() below says of names that end in ".test": nothing before it may, then 127.0.0.1, or that there is
/// no such name as "none.test".
class FakeServers {
  public:
    /// A test begins: whoever still waits in another one's thread is let go.
    void begin() {
        const std::lock_guard guard(lock_);
        ++test_;
        asked_.clear();
        answered_.clear();
        at_once_ = 0;
        changed_.notify_all();
    }
    int answer(const std::string& host) {
        std::unique_lock guard(lock_);
        const int test = test_;
        ++asked_[host];
        ++at_once_;
        changed_.wait(guard, [&] { return test != test_ || answered_.contains(host); });
        if (test == test_) --at_once_;
        return host == "none.test" ? EAI_NONAME : 0;
    }
    void let_answer(const std::string& host) {
        const std::lock_guard guard(lock_);
        answered_.insert(host);
        changed_.notify_all();
    }
    int asked(const std::string& host) {
        const std::lock_guard guard(lock_);
        return asked_[host];
    }
    int at_once() {
        const std::lock_guard guard(lock_);
        return at_once_;
    }

  private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::map<std::string, int> asked_;
    std::set<std::string> answered_;
    int at_once_ = 0, test_ = 0;
};

/// For threads that outlive a test.
FakeServers& servers() {
    static auto* const all = new FakeServers;
    return *all;
}

}  // namespace
}  // namespace capsule::broker

// In libc's place, for this program.
extern "C" int getaddrinfo(const char* host, const char* port, const addrinfo* wanted, addrinfo** list) {
    using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (!std::string(host).ends_with(".test")) return real(host, port, wanted, list);
    if (wanted->ai_flags & AI_NUMERICHOST) return EAI_NONAME;
    const int error = capsule::broker::servers().answer(host);
    return error != 0 ? error : real("127.0.0.1", port, wanted, list);
}

namespace capsule::broker {
namespace {

class BrokerNames : public ::testing::Test {
  protected:
    BrokerNames() {
        servers().begin();
        too_late_.start(20s, [this] { loop_.stop(); });
    }
    /// `story` to its end, unless it waits for what never comes.
    void tell(Task<void> story) {
        const auto whole = [](BrokerNames& self, Task<void> parts) -> Task<void> {
            co_await std::move(parts);
            self.is_whole_ = true;
            self.loop_.stop();
        };
        loop_.spawn(whole(*this, std::move(story)));
        loop_.run();
        EXPECT_TRUE(is_whole_);
    }
    Task<void> pause(Clock::duration length) {
        Signal over(loop_);
        Timer timer(loop_);
        timer.start(length, [&] { over.fire(); });
        co_await over.wait();
    }
    template <class Holds>
    Task<void> until(Holds holds) {
        while (!holds())
            co_await pause(1ms);
    }
    Task<void> until_answered() {
        co_await until([this] { return waiting_ == 0; });
    }
    /// Somebody waits for it from now on.
    std::shared_ptr<Lookup> look_up(std::string host, std::string port = "80") {
        const auto wait = [](BrokerNames& self, std::shared_ptr<Lookup> lookup, std::string of,
                             std::string at) -> Task<void> {
            ++self.waiting_;
            co_await self.names_->look_up(lookup, of, at);
            --self.waiting_;
        };
        auto lookup = std::make_shared<Lookup>(loop_);
        loop_.spawn(wait(*this, lookup, std::move(host), std::move(port)));
        return lookup;
    }

    Loop loop_;
    Timer too_late_{loop_};
    std::shared_ptr<Names> names_ = std::make_shared<Names>(loop_);
    int waiting_ = 0;
    bool is_whole_ = false;
};

TEST_F(BrokerNames, AddressesAreKnownAtOnce) {
    for (const char* const address : {"127.0.0.9", "::1"}) {
        const auto lookup = look_up(address);
        ASSERT_EQ(lookup->answer.found.size(), 1U);  // without a round of the loop
        EXPECT_EQ(lookup->answer.found.front().text(), address);
    }
}

TEST_F(BrokerNames, LibcIsAsked) {
    const auto lookup = look_up("localhost");
    tell(until_answered());
    EXPECT_EQ(lookup->answer.error, 0);
    ASSERT_FALSE(lookup->answer.found.empty());
    const std::string text = lookup->answer.found.front().text();
    EXPECT_TRUE(text == "127.0.0.1" || text == "::1") << text;
}

TEST_F(BrokerNames, NobodyWaitsLongerThanHeWants) {
    const auto lookup = look_up("silent.test");
    lookup->done.fire();
    const auto story = [&]() -> Task<void> {
        co_await until_answered();
        EXPECT_TRUE(lookup->answer.found.empty());
        co_await until([] { return servers().asked("silent.test") == 1; });
    };
    tell(story());
}

TEST_F(BrokerNames, OneIsAskedOnceForAllThatWaitAndForTheNextOnes) {
    const auto first = look_up("once.test"), second = look_up("once.test"), other_port = look_up("once.test", "81");
    const auto story = [&]() -> Task<void> {
        co_await until([] { return servers().asked("once.test") > 0; });
        const auto third = look_up("once.test");
        servers().let_answer("once.test");
        co_await until_answered();
        EXPECT_EQ(servers().asked("once.test"), 2) << "once for each port";
        for (const auto& each : {first, second, third, other_port}) {
            EXPECT_EQ(each->answer.found.size(), 1U);
            EXPECT_EQ(each->answer.found.front().text(), "127.0.0.1");
        }
        EXPECT_EQ(ntohs(second->answer.found.front().v4.sin_port), 80);
        EXPECT_EQ(ntohs(other_port->answer.found.front().v4.sin_port), 81);
        const auto later = look_up("once.test");
        EXPECT_EQ(later->answer.found.size(), 1U);
        EXPECT_EQ(servers().asked("once.test"), 2);
    };
    tell(story());
}

TEST_F(BrokerNames, AFailureIsKeptForASecond) {
    servers().let_answer("none.test");
    const auto first = look_up("none.test");
    const auto story = [&]() -> Task<void> {
        co_await until_answered();
        EXPECT_EQ(first->answer.error, EAI_NONAME);
        EXPECT_EQ(look_up("none.test")->answer.error, EAI_NONAME);
        EXPECT_EQ(servers().asked("none.test"), 1);
        co_await pause(Names::keep_failure + 1ms);
        look_up("none.test");
        co_await until_answered();
        EXPECT_EQ(servers().asked("none.test"), 2);
    };
    tell(story());
}

TEST_F(BrokerNames, ThoseThatNobodyAnswersHoldUpNoOther) {
    const std::vector silent{look_up("a.test", "80"), look_up("a.test", "81"), look_up("b.test"), look_up("c.test")};
    const auto story = [&]() -> Task<void> {
        const auto other = look_up("other.test");
        servers().let_answer("other.test");
        // The first lookup of each host is begun before the second one of a host would be.
        co_await until([&] { return waiting_ == 4 && servers().at_once() == 3; });
        EXPECT_EQ(other->answer.found.size(), 1U);
        EXPECT_EQ(servers().asked("a.test"), 1) << "two threads for one host";
        servers().let_answer("a.test");
        servers().let_answer("b.test");
        servers().let_answer("c.test");
        co_await until_answered();
        EXPECT_EQ(servers().asked("a.test"), 2);
    };
    tell(story());
}

std::vector<std::string> hosts(std::size_t count) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back(std::to_string(i) + ".test");
    return out;
}

TEST_F(BrokerNames, HoweverManyProvidersHaveNoNameServerAnotherOnesIsAsked) {
    std::vector<std::shared_ptr<Lookup>> silent;
    for (const std::string& host : hosts(20))
        silent.push_back(look_up(host));
    const auto story = [&]() -> Task<void> {
        const auto other = look_up("other.test");
        servers().let_answer("other.test");
        co_await until([&] { return !other->answer.found.empty(); });
        for (const auto& each : silent)
            each->done.fire();
        co_await until_answered();
    };
    tell(story());
}

TEST_F(BrokerNames, NoMoreAreAskedAtOnceThanThreadsAndNoneThatNobodyWaitsForAnyMore) {
    const std::vector<std::string> asked = hosts(Names::most_threads);
    std::vector<std::shared_ptr<Lookup>> waiting;
    for (const std::string& host : asked)
        waiting.push_back(look_up(host));
    const auto story = [&]() -> Task<void> {
        co_await until([] { return servers().at_once() == static_cast<int>(Names::most_threads); });
        auto left = look_up("left.test");
        const auto stays = look_up("stays.test");
        left->done.fire();
        left.reset();
        co_await until([&] { return waiting_ == static_cast<int>(asked.size()) + 1; });
        EXPECT_EQ(servers().asked("stays.test"), 0);
        servers().let_answer("stays.test");
        servers().let_answer("left.test");
        servers().let_answer(asked.front());
        co_await until([&] { return !stays->answer.found.empty(); });
        EXPECT_EQ(servers().asked("left.test"), 0);
        for (const std::string& host : asked)
            servers().let_answer(host);
        co_await until_answered();
    };
    tell(story());
}

TEST(BrokerNamesEnd, AnAnswerThatComesAfterTheLoopsEndIsNobodys) {
    servers().begin();
    std::weak_ptr<Lookup> seen;
    {
        Loop loop;
        const auto names = std::make_shared<Names>(loop);
        const auto wait = [](Names& of, std::shared_ptr<Lookup> lookup) -> Task<void> {
            co_await of.look_up(lookup, "late.test", "80");
        };
        auto lookup = std::make_shared<Lookup>(loop);
        seen = lookup;
        loop.spawn(wait(*names, std::move(lookup)));
        EXPECT_FALSE(seen.expired());
    }
    EXPECT_TRUE(seen.expired());
    servers().let_answer("late.test");
    while (servers().asked("late.test") == 0 || servers().at_once() > 0)
        std::this_thread::yield();
}

}  // namespace
}  // namespace capsule::broker
