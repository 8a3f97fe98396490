#include "daemon/broker/core/key_forms.hpp"

#include <string.h>

#include <string>

namespace capsule::broker {
namespace {

/// The base64 characters that all of whose bits are the key's, from that bit on.
std::string base64_from(std::string_view key, std::size_t bit) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (out.reserve(key.size() * 2); bit + 6 <= key.size() * 8; bit += 6) {
        const auto byte = [&](std::size_t at) {
            return at < key.size() ? static_cast<unsigned>(static_cast<unsigned char>(key[at])) : 0U;
        };
        const unsigned two = byte(bit / 8) << 8U | byte(bit / 8 + 1);
        out += digits[two >> (10 - bit % 8) & 0x3fU];
    }
    return out;
}

}  // namespace

KeyForm::KeyForm(std::string_view form, bool base64) : text(form), is_base64(base64), begun(form.size() + 1) {
    std::uint32_t size = 0;
    for (std::size_t i = 1; i < form.size(); ++i) {
        while (size > 0 && form[i] != form[size])
            size = begun[size];
        if (form[i] == form[size]) ++size;
        begun[i + 1] = size;
    }
}

KeyForms::KeyForms(const Secret& of) : key(of) {
    if (key.empty()) return;
    all.emplace_back(key.reveal(), false);
    for (const std::size_t bit : {0U, 4U, 2U}) {
        std::string text = base64_from(key.reveal(), bit);
        if (!text.empty()) all.emplace_back(text, true);
        ::explicit_bzero(text.data(), text.size());
    }
    for (std::size_t byte = 0; byte < first.size(); ++byte)
        for (const KeyForm& form : all) {
            const char c = static_cast<char>(byte);
            if (form.text.reveal().front() == (form.is_base64 ? standard_base64(c) : c)) first[byte] = true;
        }
}

}  // namespace capsule::broker
