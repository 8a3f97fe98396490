// How the log's lines are written: one record is one line, whatever is in it.
#pragma once

#include <spdlog/formatter.h>

#include <cstdint>
#include <string_view>

#include "daemon/log/log.hpp"

namespace capsule {

/// The logger whose payloads are fields, already written as the format wants them. Its records come from log_info() and
/// log_warning() only; all others are plain messages, of which nothing is known.
inline constexpr std::string_view fields_logger = "fields";

class LineFormatter final : public spdlog::formatter {
  public:
    LineFormatter(LogFormat format, bool to_journal) : format_(format), to_journal_(to_journal) {}
    void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override;
    std::unique_ptr<spdlog::formatter> clone() const override;

  private:
    LogFormat format_;
    bool to_journal_;
};

/// " name=value", or ",\"name\":value" of a JSON object.
void append_field(spdlog::memory_buf_t& out, LogFormat format, const LogField& field);

}  // namespace capsule
