#include "daemon/log/log.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/log/log_format.hpp"
#include "daemon/log/log_limit.hpp"
#include "daemon/log/log_sink.hpp"

namespace capsule {
namespace {

using Buffer = spdlog::memory_buf_t;

/// An audit line (a session, a change of keys) is worth more than one of the hundredth refusal.
constexpr std::uint64_t info_lines_a_minute = 1000;
constexpr std::uint64_t warning_lines_a_minute = 100;

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

struct Limited {
    std::mutex mutex;
    LogLimit limit;
    std::function<void()> call;
    std::atomic<uid_t (*)(uid_t)> counted_as = nullptr;
    bool called = false;  ///< and tell_left_out() has not said no yet
};

Limited& limited() {
    static Limited all;
    return all;
}

bool may_be_written(std::string_view kind, std::int64_t uid, std::uint64_t most) {
    Limited& all = limited();
    const std::lock_guard lock(all.mutex);
    if (all.limit.allows(kind, uid, most, LogLimit::Clock::now())) return true;
    if (!std::exchange(all.called, true) && all.call) all.call();
    return false;
}

/// Many users' sessions run as one uid, so who asked counts first.
std::int64_t who_caused(std::initializer_list<LogField> fields) {
    const auto counted_as = limited().counted_as.load();
    for (const std::string_view name : {"asked_by", "uid", "home_of"})
        for (const LogField& field : fields)
            if (field.name == name) {
                const std::int64_t uid = std::get<std::int64_t>(field.value);
                return counted_as != nullptr && uid >= 0 ? std::int64_t{counted_as(static_cast<uid_t>(uid))} : uid;
            }
    return LogLimit::nobody;
}

void write_event(const FieldsLog& log, spdlog::level::level_enum level, std::string_view event,
                 std::initializer_list<LogField> fields) {
    Buffer text;
    const auto append = [&](std::string_view part) { text.append(part.data(), part.data() + part.size()); };
    append(log.format == LogFormat::json ? R"("event":")" : "");
    append(event);
    append(log.format == LogFormat::json ? "\"" : "");
    for (const LogField& field : fields)
        append_field(text, log.format, field);
    log.logger->log(level, spdlog::string_view_t(text.data(), text.size()));
}

void log_event(spdlog::level::level_enum level, std::uint64_t most, std::string_view event,
               std::initializer_list<LogField> fields) {
    const FieldsLog& log = fields_log();
    if (!log.logger || !log.logger->should_log(level) || !may_be_written(event, who_caused(fields), most)) return;
    write_event(log, level, event, fields);
}

/// Plain messages are limited together: nobody knows who caused them.
class MessageLogger final : public spdlog::logger {
  public:
    using spdlog::logger::logger;

  protected:
    void sink_it_(const spdlog::details::log_msg& record) override {
        if (record.level < spdlog::level::info || may_be_written("message", LogLimit::nobody, info_lines_a_minute))
            spdlog::logger::sink_it_(record);
    }
};

}  // namespace

void start_log(std::string_view level, LogFormat format, bool to_journal, const std::optional<std::string>& file) {
    const auto sink = file ? std::make_shared<LogSink>(*file) : std::make_shared<LogSink>();
    sink->set_formatter(std::make_unique<LineFormatter>(format, to_journal));
    const auto messages = std::make_shared<MessageLogger>("capsuled", sink);
    const auto fields = std::make_shared<spdlog::logger>(std::string(fields_logger), sink);
    for (const std::shared_ptr<spdlog::logger>& logger : {std::shared_ptr<spdlog::logger>(messages), fields})
        logger->set_level(spdlog::level::from_str(std::string(level)));
    spdlog::set_default_logger(messages);
    fields_log() = {fields, format, to_journal};
}

void count_lines_as(uid_t (*counted_as)(uid_t)) {
    limited().counted_as = counted_as;
}

void on_left_out(std::function<void()> call) {
    Limited& all = limited();
    const std::lock_guard lock(all.mutex);
    all.call = std::move(call);
}

bool tell_left_out(bool at_the_end) {
    Limited& all = limited();
    std::vector<LogLimit::LeftOut> left_out;
    bool more = false;
    {
        const std::lock_guard lock(all.mutex);
        left_out = all.limit.left_out(at_the_end ? LogLimit::Clock::time_point::max() : LogLimit::Clock::now());
        more = all.called = all.limit.due() != LogLimit::Clock::time_point::max();
    }
    const FieldsLog& log = fields_log();
    if (!log.logger || !log.logger->should_log(spdlog::level::warn)) return more;
    for (const LogLimit::LeftOut& some : left_out)
        write_event(log, spdlog::level::warn, "left_out",
                    {{"kind", some.kind}, {"uid", some.uid}, {"lines", static_cast<std::int64_t>(some.lines)}});
    return more;
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
    log_event(spdlog::level::info, info_lines_a_minute, event, fields);
}

void log_warning(std::string_view event, std::initializer_list<LogField> fields) {
    log_event(spdlog::level::warn, warning_lines_a_minute, event, fields);
}

}  // namespace capsule
