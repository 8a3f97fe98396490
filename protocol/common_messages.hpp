// What the messages of more than one method have.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace capsule {

/// The version of this protocol. Results may gain members within one version; a client ignores those it does not know.
inline constexpr int protocol_version = 1;

/// What a capsuled can be asked for by another one whose [broker] remote it is. Raised with each param that the other
/// one relies on: an older one refuses it.
inline constexpr int remote_protocol_version = 4;

struct NoParams {};
BOOST_DESCRIBE_STRUCT(NoParams, (), ())

struct Warning {
    std::string code;     ///< stable, such as "key.shape"
    std::string message;  ///< what is the matter and what to do about it

    bool operator==(const Warning&) const = default;
};
BOOST_DESCRIBE_STRUCT(Warning, (), (code, message))

/// Why a session has its provider.
struct Because {
    std::string code;     ///< flag, picker, request, default, own_account, only_one
    std::string message;  ///< stands after "because": "capsule.toml:12 makes it the default"

    bool operator==(const Because&) const = default;
};
BOOST_DESCRIBE_STRUCT(Because, (), (code, message))

struct SessionUser {
    std::string name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;

    bool operator==(const SessionUser&) const = default;
};
BOOST_DESCRIBE_STRUCT(SessionUser, (), (name, uid, gid, groups))

/// What a session is called and what it carries.
struct SessionRef {
    std::optional<std::string> id;         ///< null: nobody will know when it ends, so it is not kept
    std::string keys;                      ///< env: the key itself; broker: a token; home: what stands in the home
    std::optional<std::string> ends_with;  ///< caller, connection; null: sessions.end
};
BOOST_DESCRIBE_STRUCT(SessionRef, (), (id, keys, ends_with))

}  // namespace capsule
