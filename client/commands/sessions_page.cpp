#include "client/commands/sessions_page.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "client/commands/session_summary.hpp"
#include "protocol/agents.hpp"
#include "protocol/limit_text.hpp"
#include "protocol/model_name.hpp"

namespace capsule {
namespace {

/// How long ago an RFC 3339 time of UTC is; the time itself where it is not understood.
std::string ago(const std::string& at) {
    std::tm parts{};
    if (::strptime(at.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) return at;
    const double seconds = std::difftime(std::time(nullptr), ::timegm(&parts));
    return duration_text(seconds < 0 ? 0 : seconds);
}

/// "5 h" of "5 h 12 min".
std::string roughly(const std::string& duration) {
    return duration.substr(0, duration.find(' ', duration.find(' ') + 1));
}

/// Of a session without a token nobody sees the requests.
bool is_counted(const SessionRow& session) {
    return session.keys == "broker";
}

std::string requests_of(const SessionRow& session) {
    std::string text = count_text(session.requests.total);
    if (session.requests.failed > 0) text += " (" + count_text(session.requests.failed) + " failed)";
    return text;
}

struct SessionColumn {
    const char* title;
    Cell (*cell)(const SessionRow& session);
};

constexpr const char* nothing_to_say = "-";

constexpr std::array session_columns{
    SessionColumn{"ID",
                  [](const SessionRow& session) {
                      return Cell{session.id, Tone::strong};
                  }},
    SessionColumn{"AGENT", [](const SessionRow& session) { return Cell{session.agent}; }},
    SessionColumn{"PROVIDER", [](const SessionRow& session) { return Cell{session.provider}; }},
    SessionColumn{"MODEL", [](const SessionRow& session) { return Cell{session.model.value_or(nothing_to_say)}; }},
    SessionColumn{"STATE",
                  [](const SessionRow& session) {
                      if (session.ended) return Cell{"ended", Tone::dim};
                      if (session.limit) return Cell{session.limit->kind, Tone::warning};
                      return Cell{"live", Tone::good};
                  }},
    SessionColumn{"AGE",
                  [](const SessionRow& session) {
                      return Cell{roughly(ago(session.started_at)), Tone::dim};
                  }},
    SessionColumn{
        "PID",
        [](const SessionRow& session) { return Cell{session.pid ? std::to_string(*session.pid) : nothing_to_say}; }},
    SessionColumn{
        "REQUESTS",
        [](const SessionRow& session) { return Cell{is_counted(session) ? requests_of(session) : nothing_to_say}; }},
    SessionColumn{"TOKENS IN/OUT",
                  [](const SessionRow& session) {
                      if (!is_counted(session)) return Cell{nothing_to_say};
                      return Cell{count_text(session.tokens.input) + "/" + count_text(session.tokens.output)};
                  }},
};
constexpr std::size_t session_column_gap = 2;

/// The first of them goes first where a terminal has no room for all. The id stays whole: other commands ask for it.
constexpr std::array less_important{"PID", "AGE", "MODEL", "TOKENS IN/OUT", "REQUESTS", "AGENT", "STATE", "PROVIDER"};

bool says_something(const SessionColumn& column, const std::vector<SessionRow>& sessions) {
    return std::ranges::any_of(sessions,
                               [&](const SessionRow& each) { return column.cell(each).text != nothing_to_say; });
}

std::size_t width_of(const std::vector<SessionColumn>& columns, const std::vector<SessionRow>& sessions) {
    std::size_t all = 0;
    for (const SessionColumn& column : columns) {
        std::size_t widest = display_width(column.title);
        for (const SessionRow& session : sessions)
            widest = std::max(widest, display_width(column.cell(session).text));
        all += widest + session_column_gap;
    }
    return all - session_column_gap;
}

std::vector<SessionColumn> columns_for(const std::vector<SessionRow>& sessions, const Style& style) {
    std::vector<SessionColumn> columns(session_columns.begin(), session_columns.end());
    if (style.width == 0) return columns;
    std::erase_if(columns, [&](const SessionColumn& each) { return !says_something(each, sessions); });
    for (const std::string_view title : less_important) {
        if (width_of(columns, sessions) <= style.width) break;
        std::erase_if(columns, [&](const SessionColumn& each) { return each.title == title; });
    }
    return columns;
}

bool is_answered_by_another(const SessionModel& model) {
    return !model.asked.empty() && !model.answered.empty() && !same_model(model.asked, model.answered);
}

/// What is out of the ordinary.
std::vector<std::string> notes_of(const SessionRow& session) {
    std::vector<std::string> notes;
    if (session.limit) notes.push_back(limit_text(*session.limit));
    for (const SessionModel& model : session.models)
        if (is_answered_by_another(model))
            notes.push_back("asked for " + model.asked + ", answered by " + model.answered);
    if (!session.limit && session.last && session.last->status >= 400)
        notes.push_back("the last answer was " + std::to_string(session.last->status) +
                        (session.last->message ? ": " + *session.last->message : ""));
    return notes;
}

std::string note_text(const std::string& note, const Style& style) {
    const std::size_t width = style.width > 4 ? style.width - 2 : 0;
    return paint("! ", Tone::warning, style) + wrapped(printable(note), width, 2) + "\n";
}

std::string agent_and_life(const SessionRow& session) {
    const auto known = agent_named(session.agent);
    std::string text = (known ? std::string(facts_of(*known).label) : session.agent) + ", as " + session.user;
    if (session.ended) return text + ", ended: " + *session.ended;
    text += ", live for " + ago(session.started_at);
    return session.pid ? text + " (pid " + std::to_string(*session.pid) + ")" : text;
}

std::string times_text(std::uint64_t count) {
    return count == 1 ? "once" : std::to_string(count) + " times";
}

std::string models_text(const SessionRow& session) {
    std::string text = session.model.value_or("the agent's own choice");
    if (!is_counted(session))
        return text + "; its answers are not seen, since the agent has the key itself ([session] keys)";
    if (session.requests.total == 0) return text + "; no request yet";
    for (const SessionModel& model : session.models) {
        text += "; " + (model.asked.empty() ? std::string("no model named") : model.asked);
        text += model.answered.empty() ? " asked for " : " answered by " + model.answered + " ";
        text += times_text(model.count);
    }
    return text;
}

std::string key_of_session(const SessionRow& session) {
    if (session.keys == "home") return "none: the login in the home is used";
    const std::string source = "from " + session.key_source.value_or("an unknown source");
    return (is_counted(session) ? "held by the broker, " + source + "; the session has a token"
                                : source + ", in the session's environment") +
           scope_text(session.workspace, session.role);
}

std::string held_of_session(const SessionRow& session) {
    if (!session.settings) return "not known: no directory was named when it was started";
    return held_text(session.settings->held, session.settings->not_held);
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
    if (list.sessions.empty()) return paragraph("No session: \"capsulectl exec AGENT\" starts one.", style);
    const std::vector<SessionColumn> columns = columns_for(list.sessions, style);
    std::vector<std::string> titles;
    for (const SessionColumn& column : columns)
        titles.emplace_back(column.title);
    Table table(std::move(titles));
    std::string notes;
    for (const SessionRow& session : list.sessions) {
        std::vector<Cell> cells;
        for (const SessionColumn& column : columns)
            cells.push_back(column.cell(session));
        table.add(std::move(cells));
        if (session.ended) continue;
        for (const std::string& note : notes_of(session))
            notes += note_text(session.id + ": " + note, style);
    }
    return table.text(style) + (notes.empty() ? "" : "\n" + notes);
}

std::string session_answer(const SessionRow& session, const Style& style) {
    SessionSummary summary;
    summary.agent = agent_and_life(session);
    summary.provider = provider_text(session.provider, session.because);
    summary.host = host_text(session.base_url);
    summary.model = models_text(session);
    summary.key = key_of_session(session);
    summary.held = held_of_session(session);
    std::string page = summary_text(summary, style);
    std::string notes;
    for (const std::string& note : notes_of(session))
        notes += note_text(note, style);
    return page + (notes.empty() ? "" : "\n" + notes);
}

}  // namespace capsule
