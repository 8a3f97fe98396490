#include "daemon/server/output.hpp"

#include <string.h>

#include <algorithm>

namespace capsule {
namespace {

constexpr std::size_t most_buffers = 64;       ///< of one sendmsg by Asio
constexpr std::size_t kept_bytes = 64 * 1024;  ///< more memory than that is given back when all is sent

}  // namespace

void Output::append(std::string_view text) {
    if (pieces_.empty() || pieces_.back().shared) pieces_.push_back({nullptr, own_.size(), own_.size()});
    own_.append(text);
    pieces_.back().end = own_.size();
    size_ += text.size();
}

void Output::share(std::shared_ptr<const std::string> text) {
    const std::size_t size = text->size();
    pieces_.push_back({std::move(text), 0, size});
    size_ += size;
}

const std::vector<boost::asio::const_buffer>& Output::buffers() {
    buffers_.clear();
    for (std::size_t i = front_; i < pieces_.size() && buffers_.size() < most_buffers; ++i) {
        const Piece& piece = pieces_[i];
        const std::string& text = piece.shared ? *piece.shared : own_;
        buffers_.emplace_back(text.data() + piece.begin, piece.end - piece.begin);
    }
    return buffers_;
}

void Output::sent(std::size_t count) {
    size_ -= count;
    if (size_ == 0) return clear();
    while (count > 0) {
        Piece& piece = pieces_[front_];
        const std::size_t taken = std::min(count, piece.end - piece.begin);
        piece.begin += taken;
        count -= taken;
        if (piece.begin == piece.end) ++front_;
    }
}

void Output::clear() {
    ::explicit_bzero(own_.data(), own_.size());
    own_.clear();
    if (own_.capacity() > kept_bytes) own_.shrink_to_fit();
    pieces_.clear();
    front_ = 0;
}

}  // namespace capsule
