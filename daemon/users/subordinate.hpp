// Whose uids are whose: one person can have many, by subuid(5), and be any of them in a user namespace.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace capsule {

class SubordinateIds {
  public:
    explicit SubordinateIds(std::string path = "/etc/subuid") : path_(std::move(path)) {}

    /// A file that is not there is looked for only here: any user can make that take long, as user_name() says.
    void look_for_file();

    /// As whom a uid is counted where nobody may have more than others: the user whose range it is in (where no uid of
    /// that one's is known, or it is the daemon's: the first one of these ranges). A uid that is in none, or in one of
    /// root's, is counted as itself. The file is read anew when it has changed.
    uid_t counted_as(uid_t uid);

  private:
    struct Range {
        std::uint64_t first, end;
        uid_t counted_as;
    };
    void read_what_has_changed();

    std::string path_;
    bool is_there_ = false;
    struct stat seen_ {};
    std::vector<Range> ranges_;
};

/// The same of /etc/subuid. On any thread.
void look_for_subordinate_ids();
uid_t counted_as(uid_t uid);

}  // namespace capsule
