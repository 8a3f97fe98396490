#include "daemon/process/run_as.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "daemon/process/keeper.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/session_keyring.hpp"

namespace capsule {
namespace {

constexpr rlim_t most_files = 1024;  ///< as a login has it; the daemon's own limit is as high as it may be

/// Texts, each with a NUL at its end: no argument or variable can hold one.
class PlanReader {
  public:
    explicit PlanReader(std::string text) : text_(std::move(text)) {}

    std::string next() {
        const std::size_t end = text_.find('\0', at_);
        if (end == std::string::npos) good_ = false;
        if (!good_) return {};
        std::string out = text_.substr(at_, end - at_);
        at_ = end + 1;
        return out;
    }

    std::uint32_t number() {
        const std::string text = next();
        std::uint32_t out = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
        good_ = good_ && error == std::errc() && end == text.data() + text.size();
        return good_ ? out : 0;
    }

    bool good() const { return good_; }

  private:
    std::string text_;
    std::size_t at_ = 0;
    bool good_ = true;
};

std::optional<RunPlan> read_plan(std::string text) {
    PlanReader in(std::move(text));
    RunPlan plan;
    if (in.number() != 0) {
        plan.identity.emplace();
        plan.identity->uid = in.number();
        plan.identity->gid = in.number();
        for (std::uint32_t left = in.number(); left > 0 && in.good(); --left)
            plan.identity->groups.push_back(in.number());
    }
    plan.directory = in.next();
    for (std::uint32_t left = in.number(); left > 0 && in.good(); --left)
        plan.argv.push_back(in.next());
    for (std::uint32_t left = in.number(); left > 0 && in.good(); --left) {
        std::string name = in.next();
        plan.env.insert_or_assign(std::move(name), in.next());
    }
    if (!in.good() || plan.argv.empty()) return std::nullopt;
    return plan;
}

[[noreturn]] void give_up(int error) {
    const RunReport report{RunReport::What::cannot_run, error};
    [[maybe_unused]] const auto written = ::write(run_as_report, &report, sizeof report);
    constexpr int cannot_execute = 127;  // as a shell says it
    ::_exit(cannot_execute);
}

void require(bool done) {
    if (!done) give_up(errno);
}

std::string read_all(int from) {
    std::string text;
    std::array<char, 4096> chunk{};
    for (;;) {
        const ssize_t count = ::read(from, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) continue;
        require(count >= 0);
        if (count == 0) return text;
        text.append(chunk.data(), static_cast<std::size_t>(count));
    }
}

/// Only 0, 1 and 2 go on; the report closes with the exec.
void settle_descriptors() {
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    require(null >= 0 && ::dup2(null, 0) == 0);
    require(::fcntl(run_as_report, F_SETFD, FD_CLOEXEC) == 0);
    require(::close_range(run_as_report + 1, ~0U, 0) == 0);
}

void settle_limits() {
    const rlimit no_core{0, 0};
    require(::setrlimit(RLIMIT_CORE, &no_core) == 0);
    rlimit files{};
    require(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = std::min(files.rlim_max, most_files);
    require(::setrlimit(RLIMIT_NOFILE, &files) == 0);
}

/// No program that is executed from here on gets a capability. Where the daemon may not empty the bounding set, the
/// missing new privileges do it alone.
void give_up_capabilities() {
    require(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0);
    for (unsigned long capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
    }
}

void become(const RunIdentity& identity) {
    give_up_capabilities();
    leave_session_keyring();
    const std::vector<gid_t> groups(identity.groups.begin(), identity.groups.end());
    require(::setgroups(groups.size(), groups.data()) == 0);
    require(::setresgid(identity.gid, identity.gid, identity.gid) == 0);
    require(::setresuid(identity.uid, identity.uid, identity.uid) == 0);
    require(identity.uid == 0 || give_up_own_capabilities(Given::for_good));
    // The change of the user has set it to fs.suid_dumpable.
    require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

[[noreturn]] void execute(RunPlan& plan) {
    std::vector<char*> argv;
    for (std::string& argument : plan.argv)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<std::string> texts;
    for (const auto& [name, value] : plan.env)
        texts.push_back(name + "=" + value);
    std::vector<char*> env;
    for (std::string& text : texts)
        env.push_back(text.data());
    env.push_back(nullptr);
    ::execve(argv[0], argv.data(), env.data());
    give_up(errno);
}

void put(std::string& out, std::string_view text) {
    out.append(text);
    out.push_back('\0');
}

}  // namespace

std::string write_run_plan(const RunPlan& plan) {
    std::string out;
    put(out, plan.identity ? "1" : "0");
    if (plan.identity) {
        put(out, std::to_string(plan.identity->uid));
        put(out, std::to_string(plan.identity->gid));
        put(out, std::to_string(plan.identity->groups.size()));
        for (const std::uint32_t group : plan.identity->groups)
            put(out, std::to_string(group));
    }
    put(out, plan.directory);
    put(out, std::to_string(plan.argv.size()));
    for (const std::string& argument : plan.argv)
        put(out, argument);
    put(out, std::to_string(plan.env.size()));
    for (const auto& [name, value] : plan.env) {
        put(out, name);
        put(out, value);
    }
    return out;
}

void run_as_if_asked(int argc, char** argv) {
    if (argc != 1 || argv[0] != run_as_name) return;
    ::prctl(PR_SET_NAME, run_as_name.data());  // Linux before 6.14 names it by its descriptor's number
    require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    auto plan = read_plan(read_all(run_as_plan));
    if (!plan) give_up(EINVAL);
    settle_descriptors();
    settle_limits();
    if (plan->identity) {
        require(keep_what_it_starts(run_as_report));
        become(*plan->identity);
    }
    require(::chdir(plan->directory.c_str()) == 0);
    execute(*plan);
}

}  // namespace capsule
