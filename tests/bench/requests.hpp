// What the load generator sends and how it knows that it was answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::bench {

/// Requests from templates, taken in turn. Each "@ID@" becomes a number that rises with each request: its id, and
/// whatever else no two requests of real clients have in common.
class Requests {
  public:
    Requests(const std::vector<std::string>& templates, std::uint64_t first_id);

    /// Appends the next one to `out`; gives its id.
    std::uint64_t append_next(std::string& out);

  private:
    std::vector<std::vector<std::string>> parts_;  ///< of each template, around its marks
    std::size_t turn_ = 0;
    std::uint64_t next_id_;
};

/// Finds where replies end: at line feeds, or after so many bytes each. Cheap, since it must not slow the servers down.
class ReplyEnds {
  public:
    /// 0: replies are lines.
    explicit ReplyEnds(std::size_t reply_bytes) : reply_bytes_(reply_bytes) {}

    /// The offset behind the first reply end in `data`; `seen` is what was received of this reply before. None: it goes
    /// on.
    std::optional<std::size_t> find(std::string_view data, std::size_t seen) const {
        if (reply_bytes_ == 0) {
            const auto end = data.find('\n');
            return end == std::string_view::npos ? std::nullopt : std::optional(end + 1);
        }
        const std::size_t left = reply_bytes_ - seen;
        return data.size() < left ? std::nullopt : std::optional(left);
    }

  private:
    std::size_t reply_bytes_;
};

/// Throws when `reply` is not the answer to request `id`, or lacks one of the `expected` texts.
void check_reply(std::string_view reply, std::uint64_t id, const std::vector<std::string>& expected);

}  // namespace capsule::bench
