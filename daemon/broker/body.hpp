// How much of a body has passed, and where it ends.
#pragma once

#include "daemon/broker/core/chunks.hpp"
#include "daemon/broker/core/http_head.hpp"

namespace capsule::broker {

class Body {
  public:
    explicit Body(BodyLength length = {}) : length_(length) {}

    /// Looks at bytes that have arrived. Gives how many of them are this body's, and calls payload(std::string_view)
    /// for what they carry.
    template <class Payload>
    std::size_t take(std::string_view bytes, Payload&& payload) {
        switch (length_.kind) {
            case BodyLength::Kind::none:
                return 0;
            case BodyLength::Kind::length: {
                const std::string_view mine = bytes.substr(
                    0, length_.bytes < bytes.size() ? static_cast<std::size_t>(length_.bytes) : bytes.size());
                length_.bytes -= mine.size();
                payload(mine);
                return mine.size();
            }
            case BodyLength::Kind::chunked:
                return chunks_.scan(bytes, payload);
            case BodyLength::Kind::until_close:
                payload(bytes);
                return bytes.size();
        }
        return 0;
    }

    bool done() const noexcept {
        switch (length_.kind) {
            case BodyLength::Kind::none:
                return true;
            case BodyLength::Kind::length:
                return length_.bytes == 0;
            case BodyLength::Kind::chunked:
                return chunks_.state() == ChunkScanner::State::done;
            case BodyLength::Kind::until_close:
                return false;
        }
        return true;
    }
    bool bad() const noexcept { return chunks_.state() == ChunkScanner::State::bad; }
    bool ends_with_connection() const noexcept { return length_.kind == BodyLength::Kind::until_close; }
    std::uint64_t left_in_chunk() const noexcept { return chunks_.left(); }
    bool is_chunked() const noexcept { return length_.kind == BodyLength::Kind::chunked; }

  private:
    BodyLength length_;
    ChunkScanner chunks_;
};

}  // namespace capsule::broker
