// Prints as Google Benchmark does, and says afterwards which benchmarks grew more than in proportion to their size.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace capsule::bench {

class Growth : public benchmark::ConsoleReporter {
  public:
    Growth() : ConsoleReporter(::isatty(STDOUT_FILENO) != 0 ? OO_ColorTabular : OO_Tabular) {}

    void ReportRuns(const std::vector<Run>& runs) override {
        ConsoleReporter::ReportRuns(runs);
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
            double& best = times_[run.run_name.function_name][run.complexity_n];
            const double time = run.GetAdjustedCPUTime() / benchmark::GetTimeUnitMultiplier(run.time_unit);
            best = best == 0 ? time : std::min(best, time);  // of --benchmark_repetitions: noise only adds
        }
    }

    /// Compares each size with the next one: the larger may take 1.6 times its share. One that is smaller for its size
    /// is fine: what does not grow counts for less.
    /// @return the benchmarks that take more, and how much.
    std::map<std::string, std::string> not_linear() const {
        constexpr double tolerance = 1.6;
        std::map<std::string, std::string> out;
        for (const auto& [name, by_size] : times_)
            for (auto smaller = by_size.begin(), larger = std::next(smaller); larger != by_size.end();
                 ++smaller, ++larger) {
                const double sizes = static_cast<double>(larger->first) / static_cast<double>(smaller->first);
                const double times = larger->second / smaller->second;
                if (times > sizes * tolerance)
                    out[name] +=
                        fmt::format("NOT LINEAR: {} takes {:.1f} times as long for {:.1f} times as much ({})\n", name,
                                    times, sizes, larger->first);
            }
        return out;
    }

  private:
    std::map<std::string, std::map<benchmark::IterationCount, double>> times_;
};

/// Runs them all. A machine that others use may have been slower while the larger size was measured, so what seems to
/// grow is measured again: the best time of each size counts, and noise only adds. What really grows does so each time.
/// @return whether all are linear.
inline bool all_are_linear() {
    constexpr int most_rounds = 20;
    constexpr std::chrono::seconds pause{1};  // what slows the machine down lasts longer than a round
    Growth growth;
    benchmark::RunSpecifiedBenchmarks(&growth);
    auto growing = growth.not_linear();
    for (int round = 0; !growing.empty() && round < most_rounds; ++round) {
        std::string spec;
        for (const auto& [name, how] : growing)
            spec += (spec.empty() ? "^(" : "|") + name;
        std::this_thread::sleep_for(pause);
        benchmark::RunSpecifiedBenchmarks(&growth, spec + ")/");
        growing = growth.not_linear();
    }
    for (const auto& [name, how] : growing)
        std::fputs(how.c_str(), stdout);
    return growing.empty();
}

}  // namespace capsule::bench
