#include "daemon/log/log_sink.hpp"

#include <unistd.h>

#include <cerrno>

namespace capsule {
namespace {

constexpr std::size_t most_waiting = 32 * 1024;  // bytes

}  // namespace

LogSink::LogSink() {
    lines_.reserve(2 * most_waiting);
}

void LogSink::wait_for_flush(std::function<void()> soon) {
    const std::lock_guard lock(mutex_);
    soon_ = std::move(soon);
    flush_();
}

void LogSink::sink_it_(const spdlog::details::log_msg& record) {
    spdlog::memory_buf_t line;
    formatter_->format(record, line);
    const bool first = lines_.empty();
    lines_.append(line.data(), line.size());
    if (!soon_ || record.level >= spdlog::level::warn || lines_.size() >= most_waiting)
        flush_();
    else if (first)
        soon_();
}

/// A log that cannot be written is no reason to stop.
void LogSink::flush_() {
    const char* at = lines_.data();
    const char* const end = at + lines_.size();
    while (at < end) {
        const ssize_t written = ::write(STDERR_FILENO, at, static_cast<std::size_t>(end - at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        at += written;
    }
    lines_.clear();
}

}  // namespace capsule
