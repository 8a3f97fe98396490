#include "client/commands/verification.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>
#include <utility>

namespace capsule {
namespace {

namespace json = boost::json;

void write_error(std::string_view text) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void clear_progress() {
    if (error_style().terminal) write_error("\r\x1b[K");
}

json::object verdict_json(const CellVerdict& verdict, const std::string& version) {
    return {{"agent", verdict.agent},
            {"provider", verdict.provider},
            {"version", version},
            {"ok", verdict.good()},
            {"problems", json::array(verdict.problems.begin(), verdict.problems.end())},
            {"requests", verdict.requests},
            {"seconds", verdict.seconds}};
}

std::string verdict_page(const std::vector<CellVerdict>& verdicts, const std::vector<Subject>& subjects) {
    Table table({"AGENT", "PROVIDER", "VERSION", "SESSION"});
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const auto& verdict = verdicts[i];
        std::string differs;
        for (const auto& problem : verdict.problems)
            differs += (differs.empty() ? "" : "; ") + printable(problem);
        table.add({{verdict.agent},
                   {subjects[i].plan.label},
                   {subjects[i].version.empty() ? "?" : subjects[i].version, Tone::dim},
                   verdict.good() ? Cell{"as it should be", Tone::good} : Cell{differs, Tone::bad}});
    }
    return table.text(output_style());
}

ExitCode report(const Globals& globals, const std::vector<CellVerdict>& verdicts, const std::vector<Subject>& subjects,
                bool offline) {
    const bool good =
        std::all_of(verdicts.begin(), verdicts.end(), [](const CellVerdict& each) { return each.good(); });
    if (globals.json) {
        json::array cells;
        for (std::size_t i = 0; i < verdicts.size(); ++i)
            cells.push_back(verdict_json(verdicts[i], subjects[i].version));
        print_json(json::object{{"ok", good}, {"offline", offline}, {"cells", std::move(cells)}});
    } else {
        print(verdict_page(verdicts, subjects));
    }
    return good ? ExitCode::done : ExitCode::failed;
}

}  // namespace

Verification::Verification(const Globals& globals, const std::vector<Subject>& subjects)
    : globals_(globals), subjects_(subjects) {
    show_progress();
}

bool Verification::take(const VerifyMessage& message) {
    if (message.failure) failure_ = message.failure;
    if (message.offline) tell_offline(*message.offline);
    if (message.verdict) add(*message.verdict);
    return !failure_ && !interrupted_ && verdicts_.size() < subjects_.size();
}

void Verification::note(std::string_view line) {
    if (notes_left_-- <= 0) return;
    clear_progress();
    std::fprintf(stderr, "%s\n", printable(line).c_str());
    show_progress();
}

void Verification::give_up(std::string message, std::string hint) {
    failure_ = VerifyFailure{false, std::move(message), std::move(hint)};
}

ExitCode Verification::end() const {
    clear_progress();
    if (interrupted_) return ExitCode::cancelled;
    if (!failure_) return report(globals_, verdicts_, subjects_, offline_);
    return fail(globals_, failure_->denied ? ExitCode::denied : ExitCode::failed,
                failure_->denied ? "client.denied" : "client.failed",
                {ErrorCode::io_error, failure_->message, failure_->hint});
}

void Verification::tell_offline(bool offline) {
    if (offline || !offline_) return;
    offline_ = false;
    clear_progress();
    print_warnings({{"verify.online",
                     "this kernel lets nobody unprivileged have a network of their own, so the agents are not cut off "
                     "from the network; they are only sent to 127.0.0.1, with a dummy key"}});
    show_progress();
}

/// Which it is of is not for its teller to say.
void Verification::add(CellVerdict verdict) {
    if (verdicts_.size() == subjects_.size()) return;
    const ExplainResult& plan = subjects_[verdicts_.size()].plan;
    verdict.agent = plan.agent;
    verdict.provider = plan.provider;
    interrupted_ = interrupted_ || verdict.interrupted;
    verdicts_.push_back(std::move(verdict));
    show_progress();
}

void Verification::show_progress() const {
    if (!error_style().terminal || verdicts_.size() == subjects_.size()) return;
    const ExplainResult& plan = subjects_[verdicts_.size()].plan;
    write_error("\r\x1b[K" +
                printable("verifying " + plan.agent + " × " + plan.provider + " (" +
                          std::to_string(verdicts_.size() + 1) + " of " + std::to_string(subjects_.size()) + ") …"));
}

}  // namespace capsule
