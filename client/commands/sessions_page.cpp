#include "client/commands/sessions_page.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace capsule {
namespace {

/// How long ago an RFC 3339 time of UTC is; the time itself where it is not understood.
std::string ago(const std::string& at) {
    std::tm parts{};
    if (::strptime(at.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) return at;
    const double seconds = std::difftime(std::time(nullptr), ::timegm(&parts));
    return duration_text(seconds < 0 ? 0 : seconds);
}

Cell state_of(const SessionRow& session) {
    if (session.ended) return {"ended", Tone::dim};
    if (session.limit) return {session.limit->kind, Tone::warning};
    return {"live", Tone::good};
}

std::string tokens_of(const SessionRow& session) {
    if (session.keys != "broker") return "-";
    return count_text(session.tokens.input) + "/" + count_text(session.tokens.output);
}

std::string requests_of(const SessionRow& session) {
    if (session.keys != "broker") return "-";
    std::string text = count_text(session.requests.total);
    if (session.requests.failed > 0) text += " (" + count_text(session.requests.failed) + " failed)";
    return text;
}

/// What is out of the ordinary, one line each.
std::string notes_of(const SessionRow& session, const Style& style) {
    std::string text;
    const auto add = [&](const std::string& line) {
        text += paint("! ", Tone::warning, style) + wrapped(printable(session.id + ": " + line), style.width, 2) + "\n";
    };
    if (session.ended) return text;
    if (session.limit)
        add(session.limit->message + (session.limit->resets_at ? ", until " + *session.limit->resets_at : ""));
    for (const SessionModel& model : session.models)
        if (!model.answered.empty() && !model.asked.empty() && model.answered.rfind(model.asked, 0) != 0)
            add("asked for " + model.asked + ", answered by " + model.answered);
    if (!session.limit && session.last && session.last->status >= 400)
        add("the last answer was " + std::to_string(session.last->status) +
            (session.last->message ? ": " + *session.last->message : ""));
    return text;
}

}  // namespace

std::string count_text(std::uint64_t count) {
    constexpr std::uint64_t thousand = 1000, plain_up_to = 10'000;
    if (count < plain_up_to) return std::to_string(count);
    double value = static_cast<double>(count);
    std::array<char, 32> text{};
    for (const char unit : {'k', 'M', 'G', 'T'}) {
        value /= static_cast<double>(thousand);
        if (value >= static_cast<double>(thousand)) continue;
        std::snprintf(text.data(), text.size(), "%.1f%c", value, unit);
        return text.data();
    }
    return std::to_string(count);
}

std::string sessions_page(const SessionsListResult& list, const Style& style) {
    if (list.sessions.empty()) return "No session: \"capsulectl exec AGENT\" starts one.\n";
    Table table({"ID", "AGENT", "PROVIDER", "MODEL", "STATE", "AGE", "PID", "REQUESTS", "TOKENS IN/OUT", "USER"});
    std::string notes;
    for (const SessionRow& session : list.sessions) {
        table.add({{session.id, Tone::strong},
                   {session.agent},
                   {session.provider},
                   {session.model.value_or("-")},
                   state_of(session),
                   {ago(session.started_at), Tone::dim},
                   {session.pid ? std::to_string(*session.pid) : "-"},
                   {requests_of(session)},
                   {tokens_of(session)},
                   {session.user, Tone::dim}});
        notes += notes_of(session, style);
    }
    return table.text(style) + (notes.empty() ? "" : "\n" + notes);
}

}  // namespace capsule
