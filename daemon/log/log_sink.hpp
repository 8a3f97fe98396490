// The log's lines on stderr.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <mutex>

namespace capsule {

class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
  protected:
    void sink_it_(const spdlog::details::log_msg& record) override;
    void flush_() override {}
};

}  // namespace capsule
