// stderr for a log of many lines: several are written at once.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <functional>
#include <mutex>

namespace capsule {

class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    LogSink();
    ~LogSink() override { flush_(); }

    /// From now on lines below "warn" wait for flush(), which whoever is called by `soon` sees to; it is called once
    /// for all that come until then, by any thread. Empty, as at first: no line waits.
    void wait_for_flush(std::function<void()> soon);

    /// Whether lines wait. For the I/O thread's own lines, which are all that it has to care for.
    bool waiting() const noexcept { return !lines_.empty(); }

  protected:
    void sink_it_(const spdlog::details::log_msg& record) override;
    void flush_() override;

  private:
    std::function<void()> soon_;
    std::string lines_;
};

}  // namespace capsule
