// Who may ask for sessions names a PATH for them. What the daemon runs comes out of it only where that user could run
// it as the same user anyway, and as root it runs nothing that another user can change.
#include <unistd.h>

#include "tests/trust/programs_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr Identity games{5, 60}, lp{7, 7};  // every Debian has them

class WhosePath : public Programs {
  protected:
    void SetUp() override {
        Programs::SetUp();
        if (!am_root()) return;
        write_file(ran(), "");
        fs::permissions(ran(), fs::perms{0666});
        fs::create_directories(theirs());
        ASSERT_EQ(chown(theirs().c_str(), lp.uid, lp.gid), 0);
    }

    fs::path theirs() const { return dir_ / "theirs"; }
    fs::path ran() const { return dir_ / "ran"; }
    std::string their_path() const { return theirs().string() + ":" + path_variable(); }

    /// A program of lp's that says as whom it runs, and then is the installed one of that name.
    void their_program(const std::string& name) const {
        const fs::path program = theirs() / name;
        write_file(program, "#!/bin/sh\n/usr/bin/id -u >>" + ran().string() + "\nexec " +
                                (agents_.bin() / name).string() + " \"$@\"\n");
        fs::permissions(program, fs::perms{0755});
        ASSERT_EQ(chown(program.c_str(), lp.uid, lp.gid), 0);
    }

    /// Codex becomes a script that needs another program of its PATH, as npm's is one for `env node`.
    void codex_needs_a_helper() {
        write_file(agents_.bin() / "helper", "#!/bin/sh\n");
        fs::permissions(agents_.bin() / "helper", fs::perms{0755});
        set_codex("helper\n/usr/bin/env >>\"${0%/*}/codex.runs\"");
    }

    /// Everybody can reach the socket, so that only the daemon's own decision counts.
    void start_open(const std::string& config, std::optional<Identity> identity = {}) {
        start({.config = config, .identity = identity, .passwd = dir_ / "passwd"});
        fs::permissions(socket().parent_path(), fs::perms{0755});
        fs::permissions(socket(), fs::perms{0666});
    }

    /// The warnings of a session on that PATH, with what else of an environment makes programs run others.
    json::value warnings_for(std::optional<Identity> asker, const std::string& method = "spawn") const {
        json::object env{{"PATH", their_path()}};
        for (const char* name :
             {"LD_PRELOAD", "LD_LIBRARY_PATH", "NODE_OPTIONS", "NODE_PATH", "BASH_ENV", "ENV", "HOME", "CODEX_HOME",
              "XDG_CONFIG_HOME", "TMPDIR", "LC_ALL", "HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "GIT_CONFIG_COUNT"})
            env[name] = (theirs() / "planted").string();
        const json::object params{{"agent", "codex"}, {"provider", "minimax"}, {"env", env}};
        std::optional<AsUser> other;
        if (asker) other.emplace(*asker);
        RawConnection connection = daemon().connect();
        other.reset();
        const json::value answer = parse(connection.ask(request("1", method, json::serialize(params))));
        if (!has(answer, "/result")) throw std::runtime_error(json::serialize(answer));
        return at(answer, "/result/warnings");
    }

    void expect_theirs_is_not_run() const {
        for (const char* method : {"spawn", "explain"}) {
            const std::string said = json::serialize(warnings_for(lp, method));
            EXPECT_THAT(said, AllOf(HasSubstr("codex.models"), HasSubstr("does not run " + theirs().string()),
                                    HasSubstr("PATH of [env]")));
            EXPECT_THAT(read_file(ran()), IsEmpty()) << method;
        }
    }
};

TEST_F(WhosePath, OfAnotherUserRunsNothingAsTheSessionsUser) {
    start_open("[session]\nuser = \"agent\"\n[access]\nspawn = [\"lp\", \"agent\"]\n");
    their_program("codex");
    expect_theirs_is_not_run();
    // The sessions' user and root could run it as that user themselves.
    EXPECT_THAT(codes(warnings_for(agent)), Not(Contains("codex.models")));
    EXPECT_THAT(read_file(ran()), HasSubstr("4711\n"));
    their_program("codex");  // another file: it is asked anew
    write_file(ran(), "");
    EXPECT_THAT(codes(warnings_for({})), Not(Contains("codex.models")));
    EXPECT_THAT(read_file(ran()), HasSubstr("4711\n"));
}

TEST_F(WhosePath, OfAnotherUserRunsNothingAsRoot) {
    start_open("[access]\nspawn = [\"lp\"]\n");
    their_program("codex");
    expect_theirs_is_not_run();
}

TEST_F(WhosePath, OfAnotherUserRunsNothingAsADaemonsOwnUser) {
    start_open("[access]\nspawn = [\"lp\"]\n", games);
    their_program("codex");
    expect_theirs_is_not_run();
    EXPECT_THAT(codes(warnings_for(games)), Not(Contains("codex.models")));
    EXPECT_THAT(read_file(ran()), HasSubstr("5\n"));
}

// The list of models is the installed Codex's, which is asked with the daemon's own PATH.
TEST_F(WhosePath, OfAnotherUserIsNotThatOfTheInstalledProgram) {
    for (const char* session : {"[session]\nuser = \"agent\"\n", ""}) {
        codex_needs_a_helper();
        start_open(session + std::string("[access]\nspawn = [\"lp\"]\n"));
        their_program("helper");
        EXPECT_THAT(codes(warnings_for(lp)), Not(Contains("codex.models")));
        EXPECT_THAT(read_file(ran()), IsEmpty());
        const std::string runs = read_file(agents_.bin() / "codex.runs");
        EXPECT_THAT(runs, AllOf(HasSubstr("\nPATH=" + path_variable() + "\n"), Not(HasSubstr(theirs().string()))));
        stop();
    }
}

// Whoever names the PATH, root itself too.
TEST_F(WhosePath, LeadsRootToNothingThatAnotherUserCanChange) {
    codex_needs_a_helper();
    start_open("");
    their_program("helper");
    EXPECT_THAT(codes(warnings_for({})), Not(Contains("codex.models")));
    their_program("codex");
    EXPECT_THAT(json::serialize(warnings_for({})),
                AllOf(HasSubstr("codex.models"), HasSubstr("would run " + (theirs() / "codex").string() + " as root"),
                      HasSubstr(theirs().string() + " belongs to user 7"), HasSubstr("Set [session] user")));
    EXPECT_THAT(read_file(ran()), IsEmpty());
}

TEST_F(WhosePath, LeadsRootToNothingInADirectoryOfEverybodys) {
    codex_needs_a_helper();
    ASSERT_EQ(chown(theirs().c_str(), 0, 0), 0);
    fs::permissions(theirs(), fs::perms{01777});
    start_open("");
    their_program("helper");
    EXPECT_THAT(codes(warnings_for({})), Not(Contains("codex.models")));
    EXPECT_THAT(read_file(ran()), IsEmpty());
}

TEST_F(WhosePath, OfTheConfigurationLeadsRootToNothingElse) {
    start_open("[env]\nPATH = \"" + their_path() + "\"\n");
    their_program("codex");
    their_program("claude");
    const auto told_of = [&](const std::string& name) {
        const std::string said = json::serialize(at(call("status"), "/warnings"));
        return said.find("would run " + (theirs() / name).string() + " as root") != std::string::npos &&
               said.find("chown root") != std::string::npos && said.find("agent.broken") != std::string::npos;
    };
    EXPECT_TRUE(eventually([&] { return told_of("codex") && told_of("claude"); }));
    EXPECT_TRUE(eventually([&] { return at(call("status"), "/agents/2/version").is_string(); }))
        << "OpenCode is root's";
    EXPECT_THAT(json::serialize(at(call("config.write", R"({"agent":"codex"})"), "/warnings")),
                HasSubstr("Set [session] user"));
    EXPECT_THAT(read_file(ran()), IsEmpty());
}

}  // namespace
}  // namespace capsule::test
