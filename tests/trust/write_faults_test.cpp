// The real daemon at each system call of a write: killed there, or that call failing. Files are old or new, whole; a
// daemon that lives answers with a clean error and goes on. tests/unit/write/every_call_test.cpp has every kind of
// file.
#include <array>
#include <cerrno>

#include "tests/support/capsule_test.hpp"
#include "tests/support/system_calls.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

/// A request that writes, and what it writes.
struct Write {
    const char* name;
    const char* method;
    const char* params;
    std::vector<const char*> files;  ///< below the test's directory
    std::map<std::string, std::string> before;
};

// One in the thread that writes to the home, one in the daemon's first.
const Write writes[] = {
    {"ConfigWriteOpencode",
     "config.write",
     R"({"agent":"opencode"})",
     {"home/.config/opencode/opencode.json"},
     {{"home/.config/opencode/opencode.json", "{\"theme\": \"x\"}\n"}}},
    {"AuthSet", "auth.set", R"({"provider":"kimi","value":"sk-ki-FAKE-kimi-stored-01"})", {"state/auth.toml"}, {}},
};

class WriteFaults : public CapsuleTest, public ::testing::WithParamInterface<Write> {
  protected:
    using Files = std::map<std::string, std::optional<std::string>>;

    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to trace the daemon, which is not dumpable";
        start_again();
        put_before();
        before_ = files();
        call(GetParam().method, GetParam().params);
        after_ = files();
        entries_ = entries();
    }

    void start_again() { start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}}); }

    void put_before() const {
        for (const char* part : {"home", "state"})
            for (const auto& entry : fs::directory_iterator(dir_ / part))
                fs::remove_all(entry);
        for (const auto& [file, text] : GetParam().before)
            write_file(dir_ / file, text);
    }

    bool is_listening() const {
        try {
            daemon().connect();
            return true;
        } catch (const std::runtime_error&) {
            return false;
        }
    }

    Files files() const {
        Files out;
        for (const char* file : GetParam().files)
            out[file] = fs::exists(dir_ / file) ? std::optional(read_file(dir_ / file)) : std::nullopt;
        return out;
    }

    std::vector<fs::path> entries() const {
        std::vector<fs::path> out;
        for (const char* part : {"home", "state"})
            for (const auto& entry : fs::recursive_directory_iterator(dir_ / part))
                if (entry.path() != dir_ / "state/capsuled.lock")  // it stays: a daemon that runs holds it
                    out.push_back(entry.path());
        std::sort(out.begin(), out.end());
        return out;
    }

    void expect_old_or_new() const {
        for (const auto& [file, text] : files())
            EXPECT_TRUE(text == before_.at(file) || text == after_.at(file)) << file << ": " << text.value_or("none");
    }

    void expect_that_the_next_one_makes_up_for_it() const {
        call(GetParam().method, GetParam().params);
        EXPECT_EQ(files(), after_);
        EXPECT_EQ(entries(), entries_) << "nothing is left over";
    }

    /// Sends the request while the daemon meets the fault. None: there was no such call. The answer is empty where the
    /// connection ended instead.
    std::optional<std::string> answer_under(const Fault& fault) const {
        put_before();
        RawConnection connection = daemon().connect();
        connection.ask(request("0", "status"));
        {
            Tracer tracer(daemon().pid(), fault);
            connection.send_line(request("1", GetParam().method, GetParam().params));
            tracer.run_until([&] { return !connection.silent_for(milliseconds(0)); });
            if (!tracer.met().fault) return std::nullopt;
            where_ = "before the " + std::to_string(fault.at) + "th call, " + tracer.met().call;
        }
        return connection.read_line().value_or("");
    }

    mutable std::string where_;
    Files before_;
    Files after_;
    std::vector<fs::path> entries_;
};

TEST_P(WriteFaults, KilledItLeavesOldFilesOrNewOnes) {
    std::size_t at = 0;
    for (; !HasFailure(); ++at) {
        const auto answer = answer_under({at, Calls::files});
        if (!answer) break;
        SCOPED_TRACE(where_);
        EXPECT_EQ(daemon().wait(), 128 + SIGKILL);
        // A program that it was about to start has the socket until it has become that program.
        EXPECT_TRUE(eventually([&] { return !is_listening(); }));
        expect_old_or_new();
        start_again();
        expect_that_the_next_one_makes_up_for_it();
    }
    EXPECT_GT(at, 12U);
}

TEST_P(WriteFaults, ACallThatFailsIsACleanErrorAndTheDaemonGoesOn) {
    constexpr std::array errors{ENOSPC, EIO, EROFS, EMFILE, ENOMEM};
    std::size_t at = 0;
    for (; !HasFailure(); ++at) {
        const auto answer = answer_under({at, Calls::files, errors[at % errors.size()]});
        if (!answer) break;
        SCOPED_TRACE(where_ + ": " + *answer);
        // Where it was the connection's own call that failed, the connection ends.
        EXPECT_THAT(*answer, AnyOf("", HasSubstr("\"result\""), HasSubstr("io.error"), HasSubstr("key.error")));
        expect_old_or_new();
        expect_alive();
        expect_that_the_next_one_makes_up_for_it();
    }
    EXPECT_GT(at, 12U);
}

INSTANTIATE_TEST_SUITE_P(All, WriteFaults, ::testing::ValuesIn(writes),
                         [](const auto& write) { return std::string(write.param.name); });

}  // namespace
}  // namespace capsule::test
