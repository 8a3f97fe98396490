// The framing of a chunked body, strictly: no extensions, no trailers, CR LF alone at each end.
#pragma once

#include <cstdint>
#include <string_view>

namespace capsule::broker {

/// Follows a chunked body as it passes. The bytes themselves are passed on as they came.
class ChunkScanner {
  public:
    enum class State { more, done, bad };

    /// Looks at `bytes` and calls payload(std::string_view) for what is a body's own. Gives how many of the bytes
    /// belong to the body: all of them unless done() or bad().
    template <class Payload>
    std::size_t scan(std::string_view bytes, Payload&& payload) {
        std::size_t at = 0;
        while (at < bytes.size() && state() == State::more) {
            if (part_ == Part::data) {
                const std::size_t size =
                    left_ < bytes.size() - at ? static_cast<std::size_t>(left_) : bytes.size() - at;
                payload(bytes.substr(at, size));
                at += size;
                left_ -= size;
                if (left_ == 0) part_ = Part::data_cr;
            } else {
                framing(bytes[at++]);
            }
        }
        return at;
    }

    State state() const noexcept {
        return part_ == Part::done ? State::done : part_ == Part::bad ? State::bad : State::more;
    }

  private:
    enum class Part : std::uint8_t { size, size_lf, data, data_cr, data_lf, end_cr, end_lf, done, bad };

    void framing(char c) noexcept;

    Part part_ = Part::size;
    std::uint8_t digits_ = 0;
    std::uint64_t left_ = 0;
};

}  // namespace capsule::broker
