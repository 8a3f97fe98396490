// Prints as Google Benchmark does, and says afterwards which benchmarks grew more than in proportion to their size.
#pragma once

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
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
    bool all_linear() const {
        constexpr double tolerance = 1.6;
        bool linear = true;
        for (const auto& [name, by_size] : times_)
            for (auto smaller = by_size.begin(), larger = std::next(smaller); larger != by_size.end();
                 ++smaller, ++larger) {
                const double sizes = static_cast<double>(larger->first) / static_cast<double>(smaller->first);
                const double times = larger->second / smaller->second;
                if (times <= sizes * tolerance) continue;
                linear = false;
                std::printf("NOT LINEAR: %s takes %.1f times as long for %.1f times as much (%ld)\n", name.c_str(),
                            times, sizes, static_cast<long>(larger->first));
            }
        return linear;
    }

  private:
    std::map<std::string, std::map<benchmark::IterationCount, double>> times_;
};

}  // namespace capsule::bench
