#include "client/verify/verify_cell.hpp"

#include <chrono>
#include <filesystem>
#include <optional>

#include "client/verify/agents/agent.hpp"
#include "client/verify/check.hpp"
#include "client/verify/start.hpp"
#include "client/verify/trial.hpp"

namespace capsule {

namespace fs = std::filesystem;

namespace {

/// No key: it only looks like one to the agents, and goes to 127.0.0.1 alone.
const std::string dummy_key = "capsule-verify-no-real-key-0000000000";

constexpr std::chrono::seconds limit{90};  // a first start of OpenCode takes 10 s on a slow machine

class CellTrial {
  public:
    CellTrial(const ExplainResult& plan, const Recorder& recorder) : plan_(plan), recorder_(recorder) {
        verdict_.agent = plan.agent;
        verdict_.provider = plan.provider;
        fs::create_directories(home());
        copy_configuration(plan, home(), dummy_key);
        write_project(project(), recorder.port());
    }

    CellVerdict verdict() {
        const auto begin = std::chrono::steady_clock::now();
        const auto trial = make_trial(plan_, {recorder_.port(), home().string(), dummy_key});
        if (!trial) {
            verdict_.problems.push_back(trial.error().message);
        } else {
            try_once(*trial, "", nullptr);
            for (const auto& [tier, model] : trial->tiers)
                if (!verdict_.interrupted) try_once(*trial, tier, &model);
            if (!verdict_.interrupted) try_window(*trial);
        }
        verdict_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        return verdict_;
    }

  private:
    fs::path home() const { return scratch_.path() / "home"; }
    fs::path project() const { return scratch_.path() / "project"; }

    /// None when it could not be started; the verdict then says why.
    std::optional<TrialRun> start(const Trial& trial, const std::string& prompt, const std::string& tier) {
        const std::size_t before = recorder_.requests().size();
        auto argv = trial.argv;
        const auto words = trial_agent(trial.agent)->one_shot(prompt, tier);
        argv.insert(argv.end(), words.begin(), words.end());
        auto run = start_and_wait(argv, trial.env, project(), limit);
        if (!run) {
            verdict_.problems.push_back(run.error().message);
            return std::nullopt;
        }
        run->requests = recorder_.requests();
        run->requests.erase(run->requests.begin(), run->requests.begin() + static_cast<std::ptrdiff_t>(before));
        verdict_.requests += run->requests.size();
        verdict_.interrupted = run->interrupted;
        return *std::move(run);
    }

    void try_once(const Trial& trial, const std::string& tier, const std::string* tier_model) {
        const auto run = start(trial, std::string(tier.empty() ? trial_prompt : "[[say fine]]"), tier);
        if (!run) return;
        for (const auto& problem : differences(*run, trial, dummy_key, tier_model))
            verdict_.problems.push_back(tier.empty() ? problem : "--model " + tier + ": " + problem);
    }

    void try_window(const Trial& trial) {
        if (trial.native || trial.models.empty()) return;  // the agent's own choice of model
        if (trial.window == 0) {
            verdict_.problems.emplace_back("the route says no context window: the agent guesses it");
            return;
        }
        const auto run = start(trial, window_prompt(trial), "");
        if (!run || run->interrupted) return;
        for (const auto& problem : window_differences(*run, trial))
            verdict_.problems.push_back(problem);
    }

    const ExplainResult& plan_;
    const Recorder& recorder_;
    ScratchDirectory scratch_;
    CellVerdict verdict_;
};

}  // namespace

CellVerdict verify_cell(const ExplainResult& plan, const Recorder& recorder, const std::function<void()>& copied) {
    CellTrial trial(plan, recorder);
    copied();
    return trial.verdict();
}

}  // namespace capsule
