// Where the log's lines go: stderr, or a file of the daemon's own. Nobody who does not read them can hold the daemon
// up.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "daemon/log/log_thread.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    /// To stderr.
    LogSink();

    /// To that file, which is made with mode 0600. When it has `largest_file` bytes it is renamed to `path`.1, in place
    /// of the one before, and begun anew; where it cannot be renamed it is emptied. Not so a FIFO or a device. Throws
    /// Failure when it cannot be opened.
    explicit LogSink(std::string path);

    static constexpr std::size_t largest_file = 4 * 1024 * 1024;

  protected:
    void sink_it_(const spdlog::details::log_msg& record) override;
    void flush_() override {}

  private:
    enum class Way {
        file,    ///< a write waits for a disk at most
        socket,  ///< sent without waiting
    };

    void open_file();
    void rotate(std::size_t more);
    bool write(std::string_view text);
    bool say(const std::string& text);
    std::size_t write_some(std::string_view text);
    void leave_out();

    std::string path_;  ///< empty: stderr
    UniqueFd own_;
    int descriptor_;
    Way way_ = Way::file;
    std::unique_ptr<LogThread> thread_;  ///< for what else it is: a pipe, a terminal
    std::size_t file_size_ = 0;
    std::string unfinished_;      ///< the rest of a line of which a part is written
    int why_unwritten_ = 0;       ///< errno of the last write that failed; EAGAIN: nobody reads
    std::uint64_t left_out_ = 0;  ///< lines that could not be written
    int why_left_out_ = 0;        ///< why_unwritten_ of the last of them
};

}  // namespace capsule
