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
    LogFormat format = LogFormat::text;
    bool to_journal = false;
};

/// Beside spdlog's own default logger, which is as global.
FieldsLog& fields_log() {
    static FieldsLog log;
    return log;
}

void log_event(spdlog::level::level_enum level, std::string_view event, std::initializer_list<LogField> fields) {
    const FieldsLog& log = fields_log();
    if (!log.logger || !log.logger->should_log(level)) return;
    Buffer text;
    const auto append = [&](std::string_view part) { text.append(part.data(), part.data() + part.size()); };
    append(log.format == LogFormat::json ? R"("event":")" : "");
    append(event);
    append(log.format == LogFormat::json ? "\"" : "");
    for (const LogField& field : fields)
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
    fields_log() = {fields, format, to_journal};
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

}  // namespace capsule
