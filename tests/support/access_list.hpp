// An access list of a file, as the kernel takes it.
#pragma once

#include <cstdint>
#include <string>

namespace capsule::test {

/// For setxattr("system.posix_acl_access"): what the owner, the one `user` that it names, the group and all others may
/// do (r 4, w 2, x 1), and the mask, which the mode shows where the group's rights would be.
struct AccessList {
    std::uint16_t owner;
    std::uint32_t user;
    std::uint16_t users, group, mask, others;

    std::string text() const {
        struct Entry {
            std::uint16_t tag, rights;
            std::uint32_t id;
        };
        constexpr std::uint32_t nobody = ~0U;
        const std::uint32_t version = 2;
        std::string list(reinterpret_cast<const char*>(&version), sizeof version);
        for (const Entry& entry : {Entry{0x01, owner, nobody},
                                   {0x02, users, user},
                                   {0x04, group, nobody},
                                   {0x10, mask, nobody},
                                   {0x20, others, nobody}})
            list.append(reinterpret_cast<const char*>(&entry), sizeof entry);
        return list;
    }
};

}  // namespace capsule::test
