// Another user at the socket: who may call what is decided by the kernel's word for who connected.
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr gid_t games = 60;  // a group that every Debian has; its user is 5
constexpr Identity someone{7, 7};

struct Call {
    const char *method, *params;
};
constexpr std::array status_calls{Call{"status", "{}"},        Call{"providers.list", R"({"agent":"claude"})"},
                                  Call{"auth.list", "{}"},     Call{"rpc.discover", "{}"},
                                  Call{"sessions.list", "{}"}, Call{"metrics", "{}"},
                                  Call{"subscribe", "{}"},     Call{"ping", "{}"}};
constexpr std::array spawn_calls{Call{"spawn", R"({"agent":"claude","provider":"zai"})"},
                                 Call{"explain", R"({"agent":"claude","provider":"zai"})"},
                                 Call{"config.write", R"({"agent":"claude"})"}};
constexpr std::array admin_calls{Call{"auth.set", R"({"provider":"kimi","value":"sk-ki-FAKE-kimi-set-01"})"},
                                 Call{"auth.unset", R"({"provider":"kimi"})"}, Call{"reload", "{}"}};

class Access : public CapsuleTest {
  protected:
    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    }

    /// A daemon whose socket everybody can reach, so that only its own decision is between them and the keys.
    void start_open(const std::string& config = "") {
        start({.config = config});
        open_socket();
    }

    void open_socket() const {
        fs::permissions(socket().parent_path(), fs::perms{0755});
        fs::permissions(socket(), fs::perms{0666});
    }

    RawConnection connect_as(Identity identity, const std::vector<gid_t>& groups = {}) const {
        const AsUser other(identity, groups);
        return daemon().connect();
    }

    template <class Calls>
    static void expect_all(RawConnection& connection, const Calls& calls, bool allowed) {
        for (const Call& call : calls) {
            const json::value answer = parse(connection.ask(request("1", call.method, call.params)));
            if (allowed) {
                EXPECT_TRUE(has(answer, "/result")) << call.method << json::serialize(answer);
                continue;
            }
            ASSERT_TRUE(has(answer, "/error")) << call.method << " was allowed";
            EXPECT_EQ(at(answer, "/error/code").to_number<int>(), -32001) << call.method;
            EXPECT_EQ(text_at(answer, "/error/data/code"), "access.denied");
            EXPECT_THAT(text_at(answer, "/error/data/hint"), HasSubstr("[access]"));
        }
    }

    static void expect_tiers(RawConnection connection, bool status, bool spawn, bool admin) {
        expect_all(connection, status_calls, status);
        expect_all(connection, spawn_calls, spawn);
        expect_all(connection, admin_calls, admin);
    }
};

TEST_F(Access, AnotherUserMayAskForStatusAndNothingElse) {
    start_open();
    expect_tiers(connect_as(nobody), true, false, false);
    EXPECT_THAT(daemon().log(),
                HasSubstr("denied method=auth.set uid=65534 gid=65534 pid=" + std::to_string(getpid())));
    EXPECT_TRUE(fs::is_empty(home()));
    expect_tiers(daemon().connect(), true, true, true);
}

TEST_F(Access, EachDenialIsLoggedWithMethodUserAndProcess) {
    start_open();
    connect_as(nobody).ask(request("1", "spawn", R"({"agent":"claude"})"));
    connect_as(nobody).ask(R"([{"jsonrpc":"2.0","method":"reload"},)" + request("2", "explain", "7") + "]");
    for (const char* method : {"spawn", "reload"})
        EXPECT_THAT(daemon().log(), HasSubstr("denied method=" + std::string(method) +
                                              " uid=65534 gid=65534 pid=" + std::to_string(getpid())));
}

TEST_F(Access, AnythingWrongInAParameterIsToldOnlyToThoseWhoMayCall) {
    start_open();
    RawConnection other = connect_as(nobody);
    for (const char* params : {"{}", "[1]", R"({"agent":"no-such-agent"})", R"({"agent":7})"})
        EXPECT_THAT(other.ask(request("1", "spawn", params)), HasSubstr("-32001")) << params;
}

TEST_F(Access, AUserCanBeNamed) {
    start_open("[access]\nspawn = [\"games\"]\n");
    expect_tiers(connect_as({5, games}), true, true, false);
    expect_tiers(connect_as({7, games}), true, false, false);
}

// Whom a container's users may look like from outside.
TEST_F(Access, WhoLooksLikeAnUnknownUserHasWhatEverybodyHas) {
    start_open("[access]\nspawn = [\"@games\"]\n");
    expect_tiers(connect_as({nobody.uid, games}), true, false, false);
    expect_tiers(connect_as(nobody, {7, games}), true, false, false);
}

TEST_F(Access, AGroupCanBeNamedAndMayBeASupplementaryOne) {
    start_open("[access]\nspawn = [\"@games\"]\n");
    expect_tiers(connect_as({someone.uid, games}), true, true, false);
    expect_tiers(connect_as(someone, {7, games, 9}), true, true, false);
    expect_tiers(connect_as(someone, {7, 9}), true, false, false);
}

TEST_F(Access, AUserWithMoreThan64GroupsIsInAllOfThem) {
    start_open("[access]\nspawn = [\"@games\"]\n");
    std::vector<gid_t> groups;
    for (gid_t group = 5000; group < 5300; ++group)
        groups.push_back(group);
    expect_tiers(connect_as(someone, groups), true, false, false);
    groups.push_back(games);
    expect_tiers(connect_as(someone, groups), true, true, false);
}

TEST_F(Access, TheHigherTierHasTheLowerOnes) {
    start_open("[access]\nstatus = []\nspawn = []\nadmin = [\"games\"]\n");
    expect_tiers(connect_as({5, games}), true, true, true);
    expect_tiers(connect_as(someone), false, false, false);
    expect_tiers(daemon().connect(), true, true, true);
}

TEST_F(Access, EverybodyCanBeAllowedOnPurpose) {
    start_open("[access]\nspawn = [\"*\"]\n");
    expect_tiers(connect_as({4711, 4711}), true, true, false);
}

TEST_F(Access, AReloadHoldsForConnectionsThatAreOpen) {
    start_open("[access]\nspawn = [\"games\"]\n");
    RawConnection other = connect_as({5, games});
    expect_all(other, spawn_calls, true);
    write_file(config_file(), "");
    call("reload");
    expect_all(other, spawn_calls, false);
}

TEST_F(Access, AnUnknownNameIsRefusedAndTheOldRulesStay) {
    start_open();
    write_file(config_file(), "[access]\nspawn = [\"nobdoy\"]\n");
    EXPECT_THAT(expect_error("reload", "{}", -32007, "config.conflict"), HasSubstr("nobdoy"));
    expect_tiers(connect_as(nobody), true, false, false);
}

// A recycled pid, a process that has changed its user, a descriptor that was handed on: none gains or loses anything.
TEST_F(Access, WhoConnectedCountsNotWhoUsesTheConnection) {
    start_open();
    RawConnection nobodys = connect_as(nobody);
    expect_all(nobodys, spawn_calls, false);  // used by root
    RawConnection roots = daemon().connect();
    const AsUser other(nobody);
    expect_all(roots, spawn_calls, true);  // used by nobody
}

TEST_F(Access, TheSocketsGroupCanReachItAndOthersCannot) {
    start({.config = "[daemon]\nsocket_group = \"games\"\n"});
    EXPECT_EQ(mode_of(socket()), 0660U);
    EXPECT_EQ(mode_of(socket().parent_path()), 0710U);
    EXPECT_NO_THROW(connect_as({nobody.uid, games}).ask(request("1", "status")));
    EXPECT_NO_THROW(connect_as(nobody, {games}).ask(request("1", "status")));
    EXPECT_THROW(connect_as(nobody), std::runtime_error);
    expect_tiers(connect_as({nobody.uid, games}), true, false, false);
}

TEST_F(Access, TheSessionsUserCannotGetAKey) {
    start_open("[session]\nuser = \"games\"\n[access]\nstatus = [\"*\"]\n");
    ASSERT_EQ(chown(home().c_str(), 5, games), 0);
    RawConnection agent = connect_as({5, games});
    std::string seen;
    for (const Call& call : status_calls)
        seen += agent.ask(request("1", call.method, call.params));
    EXPECT_THAT(seen, Not(HasSubstr(keys::mark)));
    expect_all(agent, spawn_calls, false);
    expect_all(agent, admin_calls, false);
}

}  // namespace
}  // namespace capsule::test
