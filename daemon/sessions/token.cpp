#include "daemon/sessions/token.hpp"

#include <string.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "protocol/errors.hpp"

namespace capsule {
namespace {

template <std::size_t size>
std::array<unsigned char, size> random_bytes() {
    std::array<unsigned char, size> out{};
    if (::getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size()))
        throw Failure({ErrorCode::internal_error,
                       "the kernel gives no random bytes: " + std::generic_category().message(errno),
                       "getrandom(2) must be allowed where capsuled runs"});
    return out;
}

}  // namespace

Secret make_token() {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    auto bytes = random_bytes<32>();
    std::string text = "cst_";
    unsigned pending = 0, bits = 0;
    for (const unsigned char byte : bytes) {
        pending = pending << 8 | byte;
        for (bits += 8; bits >= 6; bits -= 6)
            text += digits[pending >> (bits - 6) & 63U];
    }
    text += digits[pending << (6 - bits) & 63U];
    Secret token(text);
    explicit_bzero(bytes.data(), bytes.size());
    explicit_bzero(text.data(), text.size());
    return token;
}

std::string make_session_id() {
    constexpr std::string_view digits = "abcdefghijklmnopqrstuvwxyz234567";
    std::string out;
    for (const unsigned char byte : random_bytes<10>())
        out += digits[byte % digits.size()];
    return out;
}

}  // namespace capsule
