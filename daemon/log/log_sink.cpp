#include "daemon/log/log_sink.hpp"

#include <unistd.h>

#include <cerrno>

namespace capsule {

/// A log that cannot be written is no reason to stop.
void LogSink::sink_it_(const spdlog::details::log_msg& record) {
    spdlog::memory_buf_t line;
    formatter_->format(record, line);
    const char* at = line.data();
    const char* const end = at + line.size();
    while (at < end) {
        const ssize_t written = ::write(STDERR_FILENO, at, static_cast<std::size_t>(end - at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        at += written;
    }
}

}  // namespace capsule
