#include "daemon/log/log_sink.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "protocol/errors.hpp"
#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

/// In a directory that others can write to, what has the log's name may be theirs, or another name of a file of root's.
void check_place(const std::string& path) {
    if (::geteuid() != 0) return;
    std::error_code error;
    const auto directory = std::filesystem::absolute(path, error).parent_path().string();
    const auto unsafe = who_else_can_change(directory, {});
    if (!unsafe) return;
    throw Failure({ErrorCode::io_error,
                   "the log " + path + " is not opened: " + unsafe->directory + ": " + unsafe->reason,
                   "give a --log-file in a directory that only root can write to, or none to log to stderr"});
}

/// Where the directory was open once, the file or FIFO may be theirs, or open to them: they would read and write lines.
void check_file(int descriptor, const std::string& path) {
    struct stat status {};
    if (::geteuid() != 0 || descriptor < 0 || ::fstat(descriptor, &status) != 0) return;
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) return;
    const bool is_anothers = status.st_uid != ::geteuid();
    if (!is_anothers && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    throw Failure({ErrorCode::io_error,
                   "the log " + path + " is not opened: " +
                       (is_anothers ? "it belongs to user " + std::to_string(status.st_uid) : "others can write to it"),
                   "move it away, and a new one is made; or give another --log-file, or none to log to stderr"});
}

}  // namespace

LogSink::LogSink() : descriptor_(STDERR_FILENO) {
    struct stat status {};
    if (::fstat(STDERR_FILENO, &status) != 0 || S_ISREG(status.st_mode)) return;
    if (S_ISSOCK(status.st_mode)) {
        way_ = Way::socket;
        return;
    }
    thread_ = std::make_unique<LogThread>(descriptor_);
}

LogSink::LogSink(std::string path) : path_(std::move(path)), descriptor_(-1) {
    check_place(path_);
    open_file();
    check_file(descriptor_, path_);
    if (!own_ && !thread_)
        throw Failure({ErrorCode::io_error,
                       "cannot open the log " + path_ + ": " + std::generic_category().message(errno),
                       "give another --log-file, or none to log to stderr"});
}

void LogSink::open_file() {
    own_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    descriptor_ = own_.get();
    struct stat status {};
    const bool is_known = own_ && ::fstat(own_.get(), &status) == 0;
    file_size_ = is_known ? static_cast<std::size_t>(status.st_size) : 0;
    // A FIFO's reader, for one, can keep a write waiting.
    if (is_known && !S_ISREG(status.st_mode)) thread_ = std::make_unique<LogThread>(std::move(own_));
}

void LogSink::rotate(std::size_t more) {
    if (path_.empty() || thread_ || file_size_ + more <= largest_file) return;
    if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 && own_) {
        // A directory has the other name, say. The file's limit holds all the same.
        const std::string why = std::generic_category().message(errno);
        if (::ftruncate(own_.get(), 0) != 0) return;
        file_size_ = 0;
        say("what the log had before is gone: it cannot be renamed to " + path_ + ".1 (" + why +
            "); move away what has that name");
        return;
    }
    UniqueFd before = std::move(own_);
    open_file();
    if (own_ || thread_) return;
    // No descriptor is left, say: better there than nowhere, until it is full once more.
    own_ = std::move(before);
    descriptor_ = own_.get();
}

/// Gives how many bytes were written without waiting. Where there are none, why_unwritten_ says why: nobody reads, say,
/// or the disk is full.
std::size_t LogSink::write_some(std::string_view text) {
    why_unwritten_ = EAGAIN;
    if (thread_) return thread_->put(text) ? text.size() : 0;
    ssize_t written = -1;
    do {
        written = way_ == Way::socket ? ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                      : ::write(descriptor_, text.data(), text.size());
    } while (written < 0 && errno == EINTR);
    if (written >= 0) return static_cast<std::size_t>(written);
    why_unwritten_ = errno;
    return 0;
}

/// False when not even its beginning could be written. What is left of it is written before the next line.
bool LogSink::write(std::string_view text) {
    const std::size_t size = text.size();
    while (!text.empty()) {
        const std::size_t written = write_some(text);
        if (written == 0) break;
        text.remove_prefix(written);
    }
    file_size_ += size - text.size();
    if (text.size() == size) return size == 0;
    unfinished_.assign(text);
    return true;
}

/// A line of the log's own. False as write().
bool LogSink::say(const std::string& text) {
    spdlog::memory_buf_t line;
    formatter_->format({{}, "capsuled", spdlog::level::warn, text}, line);
    return write({line.data(), line.size()});
}

void LogSink::sink_it_(const spdlog::details::log_msg& record) {
    if (!unfinished_.empty()) {
        const std::string rest = std::exchange(unfinished_, {});
        if (!write(rest)) unfinished_ = rest;
        if (!unfinished_.empty()) {
            leave_out();
            return;
        }
    }
    if (left_out_ > 0) {
        if (!say(std::to_string(left_out_) + " lines were left out here: " +
                 (why_left_out_ == EAGAIN ? "nobody read the log" : std::generic_category().message(why_left_out_)))) {
            leave_out();
            return;
        }
        left_out_ = 0;
    }
    spdlog::memory_buf_t line;
    formatter_->format(record, line);
    rotate(line.size());
    if (!unfinished_.empty() || !write({line.data(), line.size()})) leave_out();
}

void LogSink::leave_out() {
    ++left_out_;
    why_left_out_ = why_unwritten_;
}

}  // namespace capsule
