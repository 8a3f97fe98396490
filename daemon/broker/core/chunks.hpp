// The framing of a chunked body, strictly: no extensions, no trailers, CR LF alone at each end.
#pragma once

#include <cstdint>
#include <string>
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

    /// Of the chunk that has begun: what is missing of its payload.
    std::uint64_t left() const noexcept { return part_ == Part::data ? left_ : 0; }

  private:
    enum class Part : std::uint8_t { size, size_lf, data, data_cr, data_lf, end_cr, end_lf, done, bad };

    void framing(char c) noexcept;

    Part part_ = Part::size;
    std::uint8_t digits_ = 0;
    std::uint64_t left_ = 0;
};

/// Frames a payload anew, perhaps from the middle of a chunk on.
class ChunkFrames {
  public:
    /// `left`: bytes of payload that were promised already.
    explicit ChunkFrames(std::uint64_t left = 0) : left_(left) {}

    /// The next bytes of payload, and the body's end if these are the last ones.
    std::string of(std::string_view payload, bool last);

  private:
    std::uint64_t left_;
};

}  // namespace capsule::broker
