// The answers of one connection that wait to be sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsule {

class Output {
  public:
    Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output();

    void append(std::string_view text);
    /// The same, of a text that may be long: not copied if it can be helped.
    void take(std::string text);

    std::size_t size() const noexcept { return bytes_.size() - sent_; }
    bool empty() const noexcept { return size() == 0; }

    /// What is still to be sent, in order. Valid until the next change.
    std::string_view rest() const noexcept { return std::string_view(bytes_).substr(sent_); }

    /// `count` more bytes are sent. When nothing is left, the bytes are zeroed, because answers hold keys, and a small
    /// buffer is kept for the next answer.
    void sent(std::size_t count);

  private:
    std::string bytes_;
    std::size_t sent_ = 0;  ///< of bytes_, from the front
};

}  // namespace capsule
