// A client without any of the product's code: bytes out, lines in, with time limits.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::test {

class RawConnection {
  public:
    /// Throws std::runtime_error when nobody listens.
    explicit RawConnection(const std::filesystem::path& socket);
    ~RawConnection();
    RawConnection(RawConnection&& other) noexcept;
    RawConnection(const RawConnection&) = delete;
    RawConnection& operator=(const RawConnection&) = delete;
    RawConnection& operator=(RawConnection&&) = delete;

    /// The process that listens, by SO_PEERCRED.
    pid_t listener() const;

    /// Sends all of it. A peer that has closed is no error here: the answers tell.
    void send(std::string_view bytes);
    /// Sends it and a line end.
    void send_line(std::string_view line);
    /// No more requests will come; answers may.
    void half_close();

    /// The next line without its end, or none at the end of the stream. Throws std::runtime_error at the limit.
    std::optional<std::string> read_line(std::chrono::milliseconds limit = std::chrono::seconds(30));
    /// All lines to the end of the stream.
    std::vector<std::string> read_to_end(std::chrono::milliseconds limit = std::chrono::seconds(30));
    /// Whether nothing at all comes within the time.
    bool silent_for(std::chrono::milliseconds time);

    /// send_line, then read_line; throws when the stream ends instead.
    std::string ask(std::string_view line);

  private:
    int descriptor_ = -1;
    std::string buffer_;
};

}  // namespace capsule::test
