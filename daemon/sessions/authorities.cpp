#include "daemon/sessions/authorities.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>

#include "daemon/base/trusted_path.hpp"

namespace capsule {
namespace {

constexpr std::string_view white_space = " \t\r\n\v\f";
constexpr const char* name_another = "name a PEM file with the certificates of the authorities to trust";

Error bad_file(ErrorCode code, const std::string& path, const std::string& what, std::string hint) {
    return {code, "[broker] ca_file: " + path + ": " + what, std::move(hint)};
}

Error unreadable(const std::string& path, int error) {
    return bad_file(ErrorCode::io_error, path, std::generic_category().message(error),
                    "name a file with certificates that the daemon's user can read");
}

std::string_view trimmed(std::string_view line) {
    const std::size_t first = line.find_first_not_of(white_space);
    if (first == line.npos) return {};
    return line.substr(first, line.find_last_not_of(white_space) - first + 1);
}

/// The label of "-----BEGIN LABEL-----"; none: this is no such line.
std::optional<std::string_view> label_in(std::string_view line, std::string_view which) {
    constexpr std::string_view dashes = "-----";
    if (!line.starts_with(dashes) || !line.ends_with(dashes) || line.size() < 2 * dashes.size()) return std::nullopt;
    line = line.substr(dashes.size(), line.size() - 2 * dashes.size());
    if (!line.starts_with(which)) return std::nullopt;
    return line.substr(which.size());
}

bool is_certificate(std::string_view label) {
    return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE";
}

bool is_base64(std::string_view line) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    return line.find_first_not_of(digits) == line.npos;
}

/// `text` becomes its certificates alone: names and comments beside them may be in any coding, and a key may be there.
Result<std::string> certificates_in(std::string_view text, const std::string& path) {
    std::string out;
    std::string_view label;  // of the block that the line is in
    std::size_t number = 0;
    const auto torn = [&] {
        return bad_file(ErrorCode::config_conflict, path,
                        "the certificate that ends or breaks off in line " + std::to_string(number) + " is torn",
                        "put it in whole, from its BEGIN to its END, or take it out");
    };
    while (!text.empty()) {
        const std::string_view line = trimmed(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
        ++number;
        const auto begins = label_in(line, "BEGIN "), ends = label_in(line, "END ");
        if (is_certificate(label) && (begins || (ends && *ends != label) || (!ends && !is_base64(line)))) return torn();
        if (begins) label = *begins;
        if (is_certificate(label) && !line.empty()) out.append(line) += '\n';
        if (ends) label = {};
    }
    if (is_certificate(label)) return torn();
    if (out.empty())
        return bad_file(ErrorCode::config_conflict, path, "no certificate (-----BEGIN CERTIFICATE-----) is in it",
                        name_another);
    return out;
}

}  // namespace

Result<std::string> read_authorities(const std::string& path) {
    const FoundFile found = open_trusted(path, S_IFREG);
    if (const auto& problem = found.untrusted)
        return bad_file(ErrorCode::config_conflict, path, "not read: " + problem->component + " " + problem->why,
                        problem->cure());
    if (found.error != 0) return unreadable(path, found.error);
    if (!found.fd) return bad_file(ErrorCode::config_conflict, path, "this is no regular file", name_another);
    std::string text(max_authorities_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(found.fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable(path, errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > max_authorities_bytes)
        return bad_file(ErrorCode::config_conflict, path, "this is larger than 8 MiB", name_another);
    return certificates_in(std::string_view(text).substr(0, size), path);
}

}  // namespace capsule
