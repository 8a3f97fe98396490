#include "daemon/write/attributes.hpp"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "daemon/base/time_limit.hpp"
#include "daemon/write/io_error.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace {

/// The names of user.* in what the kernel lists, each with a zero behind it.
std::vector<std::string> users_names(std::string_view list) {
    std::vector<std::string> names;
    while (!list.empty()) {
        const std::string_view name = list.substr(0, list.find('\0'));
        list.remove_prefix(std::min(name.size() + 1, list.size()));
        if (name.starts_with("user.")) names.emplace_back(name);
    }
    return names;
}

/// Those of one file that the other one has not got.
class NotCopied {
  public:
    void add(const std::string& name, const std::string& why) {
        if (++count_ == 1) first_ = readable_text(name, 100), why_ = why;
    }

    std::string text() const {
        if (count_ == 0) return "";
        if (count_ == 1) return "its extended attribute " + first_ + " (" + why_ + ")";
        return std::to_string(count_) + " of its extended attributes (the first is " + first_ + ": " + why_ + ")";
    }

  private:
    int count_ = 0;
    std::string first_{};
    std::string why_{};
};

/// How much of them is copied yet.
class AttributeBudget {
  public:
    /// Copies one. Why that was not possible, in words; empty: it was.
    std::string copy(int from, int to, const std::string& name) {
        if (names_ == most_attributes) return "only " + std::to_string(most_attributes) + " are copied";
        if (name.size() > value_.size()) return too_large;
        ++names_;
        const ssize_t size = ::fgetxattr(from, name.c_str(), value_.data(), value_.size() - name.size());
        if (size < 0 && errno == ENODATA) return "";  // removed since it was listed
        if (size < 0) return errno == ERANGE ? too_large : io_problem(errno);
        const auto bytes = static_cast<std::size_t>(size);
        if (::fsetxattr(to, name.c_str(), value_.data(), bytes, 0) != 0) return io_problem(errno);
        value_.resize(value_.size() - name.size() - bytes);
        return "";
    }

  private:
    static constexpr const char* too_large = "only 64 KiB of them are copied";

    int names_ = 0;
    std::string value_ = std::string(most_attribute_bytes, '\0');  ///< as large as what may still come
};

}  // namespace

int copy_attributes(int from, int to, std::string& not_copied) {
    std::string list(most_attribute_bytes, '\0');
    const ssize_t size = ::flistxattr(from, list.data(), list.size());
    if (size < 0 && errno == ENOTSUP) return 0;
    if (size < 0) {
        not_copied = "its extended attributes, if it has any (" + io_problem(errno) + ")";
        return 0;
    }
    list.resize(static_cast<std::size_t>(size));
    const std::vector<std::string> names = users_names(list);
    if (names.empty()) return 0;
    NotCopied lost;
    AttributeBudget budget;
    for (const std::string& name : names) {
        if (time_is_up()) return ETIME;
        if (const std::string why = budget.copy(from, to, name); !why.empty()) lost.add(name, why);
    }
    not_copied = lost.text();
    return 0;
}

std::optional<std::string> access_list_of(int fd) {
    std::array<char, 4096> list;
    const ssize_t size = ::fgetxattr(fd, access_list_name, list.data(), list.size());
    if (size < 0 && (errno == ENODATA || errno == ENOTSUP)) return std::nullopt;
    return std::string(list.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
}

}  // namespace capsule
