#include "client/commands/sessions_page.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <span>
#include <utility>

#include "client/commands/session_summary.hpp"
#include "protocol/agents.hpp"
#include "protocol/limit_text.hpp"
#include "protocol/model_name.hpp"

namespace capsule {
namespace {

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
                      if (session.streams > 0) return Cell{"running", Tone::good};
                      return Cell{"live", Tone::good};
                  }},
    SessionColumn{"AGE",
                  [](const SessionRow& session) {
                      return Cell{roughly(duration_since(session.started_at)), Tone::dim};
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
    constexpr std::size_t most_models = 3;
    std::size_t others = 0;
    for (const SessionModel& model : session.models)
        if (is_answered_by_another(model) && ++others <= most_models)
            notes.push_back("asked for " + model.asked + ", answered by " + model.answered);
    if (others > most_models)
        notes.push_back("and of " + std::to_string(others - most_models) + " more models by others");
    const bool told = session.limit && session.last && session.limit->message == session.last->message.value_or("");
    if (!told && session.last && session.last->status >= 400)
        notes.push_back("the last answer was " + std::to_string(session.last->status) +
                        (session.last->message ? ": " + *session.last->message : ""));
    return notes;
}

std::string note_text(const std::string& note, const Style& style) {
    const std::size_t width = style.width > 4 ? style.width - 2 : 0;
    return paint("! ", Tone::warning, style) + wrapped(printable(note), width, 2) + "\n";
}

SessionFacts facts_of_session(const SessionRow& session) {
    const auto agent = agent_named(session.agent);
    SessionFacts facts;
    facts.agent = agent ? std::string(facts_of(*agent).label) : session.agent;
    facts.user = session.user;
    facts.provider = session.label.empty() ? session.provider : session.label;
    facts.because = session.because;
    facts.base_url = session.base_url;
    facts.model = session.model;
    facts.keys = session.keys;
    facts.key_source = session.key_source;
    facts.workspace = session.workspace;
    facts.role = session.role;
    facts.settings = session.settings;
    return facts;
}

std::string life_text(const SessionRow& session) {
    if (session.ended) return ", ended: " + *session.ended;
    std::string text = ", live for " + duration_since(session.started_at);
    if (session.pid) text += " (pid " + std::to_string(*session.pid) + ")";
    if (session.streams > 0)
        text +=
            ", " + std::to_string(session.streams) + (session.streams == 1 ? " request" : " requests") + " under way";
    return text;
}

std::string times_text(std::uint64_t count) {
    return count == 1 ? "once" : std::to_string(count) + " times";
}

std::string answers_text(const SessionRow& session) {
    if (!is_counted(session)) return "; its answers are not seen, since the agent has the key itself ([session] keys)";
    if (session.requests.total == 0) return "; no request yet";
    if (session.models.empty()) return "; no answer yet";
    constexpr std::size_t most_models = 2;
    std::vector<SessionModel> models = session.models;
    std::ranges::stable_sort(models, std::greater(), &SessionModel::count);
    const std::size_t shown = std::min(models.size(), most_models);
    std::string text;
    for (const SessionModel& model : std::span(models).first(shown)) {
        text += "; " + (model.asked.empty() ? std::string("no model named") : model.asked);
        text += model.answered.empty() ? " asked for " : " answered by " + model.answered + " ";
        text += times_text(model.count);
    }
    if (models.size() > shown) text += "; and " + std::to_string(models.size() - shown) + " more of them (--json)";
    return text;
}

/// At least as many lines as a session takes on average.
std::size_t longest_row(std::size_t lines, std::size_t sessions) {
    return (lines + sessions - 1) / sessions;
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
    const auto ended =
        std::ranges::count_if(list.sessions, [](const SessionRow& each) { return each.ended.has_value(); });
    if (static_cast<std::size_t>(ended) >= most_ended_sessions)
        notes += note_text("of those that ended, the last " + std::to_string(most_ended_sessions) + " are kept", style);
    return table.text(style) + (notes.empty() ? "" : "\n" + notes);
}

std::string watch_page(SessionsListResult list, const Style& style, std::size_t rows) {
    std::ranges::stable_sort(list.sessions, std::greater(), [](const SessionRow& each) {
        return std::pair(each.streams > 0, each.active_at.value_or(each.started_at));
    });
    const std::size_t all = list.sessions.size();
    for (;;) {
        std::string page = sessions_page(list, style);
        const std::size_t left_out = all - list.sessions.size();
        if (left_out > 0) {
            const std::string line = std::to_string(left_out) + " more: \"capsulectl sessions\" lists all";
            page += paint(fitted(line, style.width == 0 ? line.size() : style.width), Tone::dim, style) + "\n";
        }
        const auto lines = static_cast<std::size_t>(std::ranges::count(page, '\n'));
        if (lines <= rows || list.sessions.size() <= 1) return page;
        // A session takes a line at least, and the line that counts the others is still to come.
        const std::size_t too_many =
            std::max<std::size_t>((lines - rows) / longest_row(lines, list.sessions.size()), 1);
        list.sessions.resize(list.sessions.size() - std::min(too_many, list.sessions.size() - 1));
    }
}

std::string session_end_text(const SessionRow& session) {
    const std::string id = "Session " + session.id;
    if (session.keys == "broker") return id + " has ended: its next request is refused. Its agent may still run.";
    return id +
           " is no longer listed, but its agent has its key or login itself: its requests go on. To stop it, end " +
           (session.pid ? "process " + std::to_string(*session.pid) : std::string("the agent")) +
           "; revoke a key that it must not keep.";
}

std::string session_answer(const SessionRow& session, const Style& style) {
    SessionSummary summary = session_summary(facts_of_session(session));
    summary.agent += life_text(session);
    summary.model += answers_text(session);
    std::string page = summary_text(summary, style);
    std::string notes;
    for (const std::string& note : notes_of(session))
        notes += note_text(note, style);
    return page + (notes.empty() ? "" : "\n" + notes);
}

}  // namespace capsule
