// What waits to be sent on a connection: bytes of its own, and remembered answers that many connections share.
#pragma once

#include <boost/asio/buffer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace capsule {

class Output {
  public:
    Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void append(std::string_view text);
    void share(std::shared_ptr<const std::string> text);

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

    /// The first of it, in order: at most as many pieces as one system call takes. Valid until the next change.
    const std::vector<boost::asio::const_buffer>& buffers();

    /// So many bytes are sent. When nothing is left, what was its own is zeroed, though its memory may be kept: answers
    /// hold keys.
    void sent(std::size_t count);

  private:
    struct Piece {
        std::shared_ptr<const std::string> shared;  ///< none: bytes of own_
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    void clear();

    std::string own_;
    std::vector<Piece> pieces_;
    std::size_t front_ = 0;  ///< of pieces_: the first that is not sent
    std::size_t size_ = 0;
    std::vector<boost::asio::const_buffer> buffers_;
};

}  // namespace capsule
