// Each file that is written, at each system call of its writing: killed there, or that call failing with each error
// that a file system has. The file is then the old or the new one, whole; the next write finds nothing left over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <new>
#include <set>

#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/keys/stored_keys.hpp"
#include "daemon/write/apply.hpp"
#include "temporary_home.hpp"
#include "tests/support/system_calls.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::Calls;
using test::Fault;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;

/// What the child says by its exit status.
enum Said { written = 0, clean_error = 1, no_memory = 2, wrong_error = 3 };

constexpr const char* key = "sk-FAKE-every-call-0001";

Said say(const Result<void>& result) {
    if (result) return written;
    const Error& error = result.error();
    const bool clean = error.code == ErrorCode::io_error && !error.message.empty() && !error.hint.empty();
    if (!clean) std::fprintf(stderr, "not a clean error: %s (%s)\n", error.message.c_str(), error.hint.c_str());
    return clean ? clean_error : wrong_error;
}

Result<void> apply_one(FileIntent intent) {
    const auto applied = apply({std::move(intent)}, ApplyMode::write, ApplyFor::config_write);
    if (!applied) return applied.error();
    return {};
}

FileIntent codex_block(const std::string& path) {
    return file_intent(TomlBlockIntent{
        path, {{"minimax", "[model_providers.minimax]\nname = \"MiniMax\"\nwire_api = \"responses\"\n"}}, {"minimax"}});
}

FileIntent opencode_block(const std::string& path) {
    const OpencodeBlock block{"zai", "Z.AI", "@ai-sdk/openai-compatible", "https://api.z.ai/v4", Secret(key), "glm"};
    return file_intent(OpencodeJsonIntent{path, {block}, {block}});
}

/// Enough for several write(2) and read(2) of what has a buffer.
std::string long_text(const std::string& line) {
    std::string out;
    while (out.size() < 40'000)
        out += line;
    return out;
}

struct Kind {
    const char* name;
    const char* file;    ///< below the home
    const char* before;  ///< none: it is not there yet, nor its directory
    Result<void> (*write)(const std::string& path);
};

const Kind kinds[] = {
    {"ConfigTomlCreated", ".codex/config.toml", nullptr,
     [](const std::string& path) { return apply_one(codex_block(path)); }},
    {"ConfigTomlUpdated", ".codex/config.toml", "model = \"gpt-5.5\"\n# mine\n",
     [](const std::string& path) { return apply_one(codex_block(path)); }},
    {"ConfigTomlRemoved", ".codex/config.toml",
     "# >>> capsuled: this block is rewritten; keep your own settings outside of it\n[model_providers.minimax]\n"
     "name = \"MiniMax\"\n# <<< capsuled\n",
     [](const std::string& path) {
         return apply_one(file_intent(TomlBlockIntent{path, {}, {}}));
     }},
    {"ProfileUpdated", ".codex/minimax.config.toml", "# Written by capsuled\nmodel = \"M2\"\n",
     [](const std::string& path) {
         return apply_one(file_intent(OwnFileIntent{path, "# Written by capsuled\nmodel = \"M3\"\n"}));
     }},
    {"ProfileRemoved", ".codex/minimax.config.toml", "# Written by capsuled\nmodel = \"M2\"\n",
     [](const std::string& path) {
         return apply_one(file_intent(OwnFileIntent{path, std::nullopt}));
     }},
    {"ModelsCreated", ".codex/minimax.models.json", nullptr,
     [](const std::string& path) {
         return apply_one(file_intent(OwnFileIntent{path, long_text("{\"models\":[]}\n")}));
     }},
    {"ModelsOfAnotherSaved", ".codex/minimax.models.json", "{\"models\":[1,2]}",
     [](const std::string& path) {
         return apply_one(file_intent(OwnFileIntent{path, "{\"models\":[]}\n"}));
     }},
    {"OpencodeJsonCreated", ".config/opencode/opencode.json", nullptr,
     [](const std::string& path) { return apply_one(opencode_block(path)); }},
    {"OpencodeJsonUpdated", ".config/opencode/opencode.json", "{\n  \"theme\": \"x\"\n}\n",
     [](const std::string& path) { return apply_one(opencode_block(path)); }},
    {"ClaudeJsonUpdated", ".claude.json", "{\"numStartups\": 3}",
     [](const std::string& path) {
         return apply_one(file_intent(ClaudeApprovalIntent{path, "FAKE-tail", "KEY"}));
     }},
    {"AuthTomlCreated", "state/auth.toml", nullptr,
     [](const std::string& path) -> Result<void> {
         auto stored = StoredKeys::load(path);
         return stored ? stored->set("ZAI_API_KEY", {}, Secret(key)) : stored.error();
     }},
    {"AuthTomlUpdated", "state/auth.toml", "[env]\nKIMI_CODE_API_KEY = \"sk-ki-FAKE-0001\"\n",
     [](const std::string& path) -> Result<void> {
         auto stored = StoredKeys::load(path);
         return stored ? stored->set("ZAI_API_KEY", {}, Secret(key)) : stored.error();
     }},
};

class EveryCall : public ::testing::TestWithParam<Kind> {
  protected:
    void SetUp() override {
        put_before();
        before_ = bytes();
        const auto result = GetParam().write(path());
        ASSERT_TRUE(result) << result.error().message;
        after_ = bytes();
        names_ = names();
        ASSERT_NE(before_, after_);
    }

    std::string path() const { return home_ / GetParam().file; }

    void put_before() const {
        for (const auto& entry : fs::directory_iterator(home_.path()))
            fs::remove_all(entry);
        if (GetParam().before == nullptr) return;
        fs::create_directories(fs::path(path()).parent_path());
        write_bytes(path(), GetParam().before);
        has_attributes_ = ::setxattr(path().c_str(), "user.origin", "mine", 4, 0) == 0;
    }

    /// What the file was given by its user, which the new one has as well.
    void expect_attribute() const {
        if (!has_attributes_ || !fs::exists(path())) return;
        EXPECT_EQ(::getxattr(path().c_str(), "user.origin", nullptr, 0), 4);
    }

    std::optional<std::string> bytes() const {
        if (!fs::exists(path())) return std::nullopt;
        return read_bytes(path());
    }

    std::set<std::string> names() const {
        std::set<std::string> out;
        for (const auto& entry : fs::recursive_directory_iterator(home_.path()))
            out.insert(entry.path());
        return out;
    }

    /// Whatever holds the key, a half-written file too, is its owner's alone.
    void expect_key_is_private() const {
        for (const auto& entry : fs::recursive_directory_iterator(home_.path())) {
            if (!entry.is_regular_file() || read_bytes(entry.path()).find(key) == std::string::npos) continue;
            struct stat status {};
            ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
            EXPECT_EQ(status.st_mode & 077U, 0U) << entry.path();
        }
    }

    /// Meets it on the file as it was before, and looks at what is then there. False: there are no more such calls.
    bool meet(const Fault& fault) const {
        put_before();
        const test::Ended ended = test::run_with_fault(fault, [this] {
            try {
                return say(GetParam().write(path()));
            } catch (const std::bad_alloc&) {
                return no_memory;
            }
        });
        const std::string where = ended.met.call + ", the " + std::to_string(fault.at) + "th";
        SCOPED_TRACE(fault.error ? where + ", fails with " + std::to_string(*fault.error) : "killed before " + where);
        const auto now = bytes();
        EXPECT_TRUE(now == before_ || now == after_) << now.value_or("no file");
        expect_key_is_private();
        expect_attribute();
        if (fault.error || !ended.met.fault) expect_clean(ended, now);
        // The next one makes up for it, whatever this one left.
        const auto next = GetParam().write(path());
        EXPECT_TRUE(next) << next.error().message;
        EXPECT_EQ(bytes(), after_);
        EXPECT_EQ(names(), names_);
        return ended.met.fault;
    }

    void expect_clean(const test::Ended& ended, const std::optional<std::string>& now) const {
        ASSERT_TRUE(WIFEXITED(ended.status)) << "signal " << WTERMSIG(ended.status);
        const int said = WEXITSTATUS(ended.status);
        EXPECT_TRUE(said == written || said == clean_error || said == no_memory) << said;
        EXPECT_TRUE(said != written || now == after_);
        EXPECT_TRUE(said != written || ended.met.call != "fsync") << "what may not be on the disk is not said to be";
        EXPECT_TRUE(said == written || ended.met.fault);
    }

    std::size_t meet_all(Calls calls, std::optional<int> error) const {
        std::size_t at = 0;
        while (!HasFailure() && meet({at, calls, error}))
            ++at;
        return at;
    }

    TemporaryHome home_;
    std::optional<std::string> before_;
    std::optional<std::string> after_;
    std::set<std::string> names_;
    mutable bool has_attributes_ = false;  ///< this file system
};

TEST_P(EveryCall, KilledBeforeItLeavesTheOldFileOrTheNew) {
    EXPECT_GT(meet_all(Calls::all, std::nullopt), 12U);
}

// No test cuts the power; what would be there then is decided by the order of these.
TEST_P(EveryCall, ANewFileIsOnTheDiskBeforeItHasTheNameAndTheNameBeforeTheAnswer) {
    put_before();
    constexpr std::size_t never = 1'000'000;
    auto calls = test::run_with_fault({never, Calls::files}, [this] { return say(GetParam().write(path())); }).calls;
    const auto last_of = [&](const std::string& call) { return std::ranges::find(calls.rbegin(), calls.rend(), call); };
    const auto renamed = last_of("renameat2");
    ASSERT_NE(renamed, calls.rend());
    EXPECT_LT(last_of("fsync"), renamed) << "the directory, after it";
    calls.erase(renamed.base() - 1, calls.end());
    if (after_) {
        EXPECT_LT(last_of("fsync"), last_of("write")) << "the file, when all is written and before it is renamed";
    }
}

TEST_P(EveryCall, FailingIsACleanError) {
    for (const int error : {ENOSPC, EIO, EROFS, EMFILE, ENOMEM})
        EXPECT_GT(meet_all(Calls::files, error), 12U);
}

#if !defined(CAPSULE_SANITIZED)  // which end the program where they get no memory
TEST_P(EveryCall, WithoutMemoryIsACleanErrorToo) {
    meet_all(Calls::memory, ENOMEM);
}
#endif

INSTANTIATE_TEST_SUITE_P(All, EveryCall, ::testing::ValuesIn(kinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace capsule
