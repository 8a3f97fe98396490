// A stand-in for every provider on 127.0.0.1: records each request, answers it, forwards nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/recorder/recorded_request.hpp"
#include "protocol/errors.hpp"

namespace capsule {

class Recorder {
  public:
    /// Listens on 127.0.0.1 without TLS, on a thread of its own; port 0 picks a free one. Fails with io.error.
    static Result<std::unique_ptr<Recorder>> start(std::uint16_t port = 0);

    /// As start, with TLS; both texts are PEM. In the library capsule_recorder_tls, so that a program without need of
    /// it does not load OpenSSL.
    static Result<std::unique_ptr<Recorder>> start_tls(std::uint16_t port, const std::string& certificate,
                                                       const std::string& private_key);

    /// Stops listening and closes every connection.
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    std::uint16_t port() const noexcept;

    /// Everything received so far, in order of arrival.
    std::vector<RecordedRequest> requests() const;

    struct Impl;  // recorder_impl.hpp

  private:
    explicit Recorder(std::unique_ptr<Impl> impl);
    static Result<std::unique_ptr<Recorder>> start(std::unique_ptr<Impl> impl, std::uint16_t port);
    std::unique_ptr<Impl> impl_;
};

}  // namespace capsule
