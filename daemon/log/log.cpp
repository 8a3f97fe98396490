#include "daemon/log/log.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <iostream>
#include <memory>
#include <string>

#include "daemon/log/log_format.hpp"
#include "daemon/log/log_sink.hpp"

namespace capsule {
namespace {

using Buffer = spdlog::memory_buf_t;

struct FieldsLog {
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<LogSink> sink;
    LogFormat format = LogFormat::text;
    bool to_journal = false;
};

/// Beside spdlog's own default logger, which is as global.
FieldsLog& fields_log() {
    static FieldsLog log;
    return log;
}

std::string_view view(const Buffer& text) {
    return {text.data(), text.size()};
}

/// `prepared` is text that append_field() has made; it stands between the other fields.
void log_event(spdlog::level::level_enum level, std::string_view event, std::initializer_list<LogField> fields,
               std::string_view prepared = {}, std::initializer_list<LogField> last = {}) {
    const FieldsLog& log = fields_log();
    if (!log.logger || !log.logger->should_log(level)) return;
    Buffer text;
    const auto append = [&](std::string_view part) { text.append(part.data(), part.data() + part.size()); };
    append(log.format == LogFormat::json ? R"("event":")" : "");
    append(event);
    append(log.format == LogFormat::json ? "\"" : "");
    for (const LogField& field : fields)
        append_field(text, log.format, field);
    append(prepared);
    for (const LogField& field : last)
        append_field(text, log.format, field);
    log.logger->log(level, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace

void start_log(std::string_view level, LogFormat format, bool to_journal) {
    const auto sink = std::make_shared<LogSink>();
    sink->set_formatter(std::make_unique<LineFormatter>(format, to_journal));
    const auto messages = std::make_shared<spdlog::logger>("capsuled", sink);
    const auto fields = std::make_shared<spdlog::logger>(std::string(fields_logger), sink);
    for (const auto& logger : {messages, fields}) {
        logger->set_level(spdlog::level::from_str(std::string(level)));
    }
    spdlog::set_default_logger(messages);
    fields_log() = {fields, sink, format, to_journal};
}

void let_log_wait(std::function<void()> soon) {
    if (const auto& sink = fields_log().sink) sink->wait_for_flush(std::move(soon));
}

void flush_log() {
    if (const auto& sink = fields_log().sink; sink && sink->waiting()) sink->flush();
}

bool is_journal(std::string_view journal_stream, int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return false;
    return journal_stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void log_failure(const Error& failure) {
    const FieldsLog& log = fields_log();
    if (log.logger && (log.to_journal || log.format == LogFormat::json)) {
        spdlog::error("{}{}{}", failure.message, failure.hint.empty() ? "" : "; hint: ", failure.hint);
        return;
    }
    std::cerr << "capsuled: " << failure.message << '\n';
    if (!failure.hint.empty()) std::cerr << "  hint: " << failure.hint << '\n';
}

void log_info(std::string_view event, std::initializer_list<LogField> fields) {
    log_event(spdlog::level::info, event, fields);
}

void log_warning(std::string_view event, std::initializer_list<LogField> fields) {
    log_event(spdlog::level::warn, event, fields);
}

std::string session_fields(const SpawnedSession& session) {
    Buffer text;
    for (const LogField& field :
         {LogField{"agent", session.agent}, LogField{"provider", session.provider},
          LogField{"model", session.model.empty() ? "-" : session.model}, LogField{"user", session.user},
          LogField{"files_changed", static_cast<std::int64_t>(session.files_changed)}})
        append_field(text, fields_log().format, field);
    return std::string(view(text));
}

void log_spawn(Caller caller, std::int64_t microseconds, std::string_view session_fields) {
    log_event(spdlog::level::info, "spawn", {{"uid", std::int64_t{caller.uid}}, {"pid", std::int64_t{caller.pid}}},
              session_fields, {{"us", microseconds}});
}

}  // namespace capsule
