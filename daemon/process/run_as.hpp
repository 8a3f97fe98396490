// The first thing that a program of the daemon's is: this daemon's own executable, started anew with nothing in its
// memory, which becomes another user and then the program. So no process that another user may stop, trace or read
// ever had the daemon's memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule {

/// Whom a program runs as.
struct RunIdentity {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;  ///< the supplementary ones
};

/// What is to be run, as whom, and where.
struct RunPlan {
    std::vector<std::string> argv;  ///< argv[0] is an absolute path
    std::map<std::string, std::string> env;
    std::string directory = "/";
    std::optional<RunIdentity> identity{};  ///< none: as the daemon's own user
};

/// What the helper is called, by which it knows itself.
inline constexpr std::string_view run_as_name = "capsuled-run-as";

/// Where the helper expects what: the plan to be read, and where its reports go.
inline constexpr int run_as_plan = 0;
inline constexpr int run_as_report = 3;

/// What comes over the report, each in one piece.
struct RunReport {
    enum class What : int {
        cannot_run,  ///< the program; errno
        ended,       ///< a program that has a keeper; its status (128 + n: signal n)
        killed,      ///< what that has left; how many
    };
    What what;
    int value;
};

/// The plan as the helper reads it. Nothing of it is in an argument or a variable, which others could see.
std::string write_run_plan(const RunPlan& plan);

/// To be called first in main(). Returns at once if this process is not the helper. The helper never returns: it is
/// not dumpable, leaves behind every descriptor but 0, 1 and 2, and executes the program in the plan's directory. Where
/// that has an identity, a child of the helper's loses all that could give privileges back, becomes that user for good
/// and executes it; the helper is its keeper.
void run_as_if_asked(int argc, char** argv);

}  // namespace capsule
