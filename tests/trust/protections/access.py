"""Who may call what, and who can reach the socket: "Of the socket" in docs/security.md."""

from protection import Edit, Protection, one

DISPATCHER = "daemon/server/dispatcher.cpp"
POLICY = "daemon/access/policy.cpp"
PEER = "daemon/access/peer.cpp"
LISTENER = "daemon/server/listener.cpp"
SOCKET_PLACE = "daemon/server/socket_place.cpp"
SAFE_PATH = "protocol/safe_path.cpp"
GENERATION = "daemon/handlers/generation.cpp"
METHODS = "protocol/methods.hpp"
PLACE = "trust_socket:SocketPlace."

AUTHORIZE = "    if (!services.generation->policy.allows(method->tier, peer)) co_return denied(*method, peer);\n"
READ_PARAMS = """    if (request.params.is_array())
        co_return Error{ErrorCode::invalid_params, "params: pass them by name, as an object",
                        "rpc.discover lists each method's params"};
"""
# What a daemon would do that looks the caller up when it is asked: by its pid, which may be another process by then.
BY_PID = """Peer as_in_proc(Peer peer) {
    struct stat status {};
    if (::stat(("/proc/" + std::to_string(peer.pid)).c_str(), &status) == 0) peer.uid = status.st_uid;
    return peer;
}

asio::awaitable<Result<std::string>> call("""


def protections() -> list[Protection]:
    return who_may_call() + who_is_calling() + where_it_listens() + whose_place_it_takes()


def who_may_call() -> list[Protection]:
    tiers = [
        one(f"the tier of {method}", METHODS, f'"{method}", Tier::{tier}', f'"{method}", Tier::status',
            "unit_protocol:Methods.HaveTheirTier")
        for method, tier in [("spawn", "spawn"), ("explain", "spawn"), ("names.list", "spawn"),
                             ("config.write", "spawn"), ("auth.set", "admin"), ("auth.unset", "admin"),
                             ("reload", "admin")]
    ]  # fmt: skip
    starting = "ctest:sessions:starting"
    unknown = "unit_access:Policy.WhomUnknownUsersLookLikeCannotBeNamed"
    return tiers + [
        one("who may not ask any more is told nothing more", "daemon/server/server.cpp",
            "if (services_.generation->policy.allows(Tier::status, (*found)->peer()))", "if (number > 0)",
            "ctest:sessions:watching"),
        one("nobody cannot be named", POLICY, "            if (auto one = check_is_one_user(setting, name, *user); !one) return one.error();\n", "", unknown),
        one("nor can its group", POLICY, "            if (auto one = check_is_one_group(setting, name.substr(1), *gid); !one) return one.error();\n",
            "", unknown),
        one("nor is it the socket's", LISTENER,
            '    if (auto one = check_is_one_group("[daemon] socket_group", *name, *gid); !one) return one.error();\n', "", starting),
        one("nor is the broker a user that [access] names", GENERATION, "policy && policy->names(user.uid)", "false", starting),
        one("nor has it what its groups have", POLICY, "    if (peer.uid == broker_uid_) return false;\n", "",
            "unit_access:Policy.TheBrokersUserMayNothingWhateverItsGroupsAndEverybodyMay", starting),
        one("as soon as it is known", GENERATION, "    if (broker && *broker) policy->give_nothing_to((*broker)->uid);\n", "", starting),
        one("no key goes to a server of the sessions' user", GENERATION, "home && !home->same_user && *uid == home->user.uid", "false",
            starting),
        one("nobody is no granted session's user", "daemon/handlers/grant.cpp",
            "    if (auto checked = check_user(params.uid); !checked) co_return checked.error();\n", "", "ctest:sessions:remote_keys"),
        one("nobody is no session's user", "daemon/users/users.cpp",
            '        if (auto one = check_is_one_user("[session] user", name, named->user.uid); !one) return one.error();\n', "",
            "unit_users:SessionHome.WhomUnknownUsersLookLikeIsRefused", starting),
        one("nor the broker's", GENERATION, '    if (auto one = check_is_one_user("[broker] user", name, user.uid); !one) return one.error();\n',
            "", starting),
        one("nor one whose servers get keys", GENERATION,
            '        if (auto one = check_is_one_user("[broker] upstream_users", name, *uid); !one) return one.error();\n', "", starting),
        one("nor the daemon's, where others look like it", POLICY, "    if (auto one = check_own_user(daemon_uid); !one) return one.error();\n",
            "", "ctest:anywhere:uid"),
        one("who looks like nobody is in no group", POLICY, "        if (peer.uid == overflow_uid_) continue;\n", "",
            "unit_access:Policy.WhoLooksLikeAnUnknownUserHasWhatEverybodyHas",
            "trust_access:Access.WhoLooksLikeAnUnknownUserHasWhatEverybodyHas"),
        one("authorized in the dispatcher", DISPATCHER, AUTHORIZE, AUTHORIZE.replace("if (", "if (false && "),
            "trust_access:Access.AnotherUserMayAskForStatusAndNothingElse",
            "trust_access:Access.TheSessionsUserCannotGetAKey", "integration_errors:Errors.OtherUsersGetNoKeys"),
        one("authorized before anything else", DISPATCHER, AUTHORIZE + READ_PARAMS, READ_PARAMS + AUTHORIZE,
            "trust_access:Access.AnythingWrongInAParameterIsToldOnlyToThoseWhoMayCall"),
        one("a reload holds for open connections", DISPATCHER, AUTHORIZE,
            "    static const auto first = services.generation;\n" + AUTHORIZE.replace("services.generation", "first"),
            "trust_access:Access.AReloadHoldsForConnectionsThatAreOpen"),
        one("denied unless allowed", POLICY, "    return false;\n}\n\n}  // namespace capsule",
            "    return true;\n}\n\n}  // namespace capsule", "unit_access:Policy.EmptyListsDenyEverybodyElse",
            "trust_access:Access.TheHigherTierHasTheLowerOnes"),
        one("by default root alone may spawn", "daemon/config/config.hpp", 'spawn{"root"}', 'spawn{"*"}',
            "unit_access:Policy.ByDefaultAnybodyMayAskForStatusAndNobodyElseForMore"),
        one("by default root alone may administer", "daemon/config/config.hpp", 'admin{"root"}', 'admin{"*"}',
            "unit_access:Policy.ByDefaultAnybodyMayAskForStatusAndNobodyElseForMore"),
        one("a lower tier has not the higher ones", POLICY, "auto i = static_cast<std::size_t>(tier);",
            "auto i = static_cast<std::size_t>(tier) * 0;",
            "unit_access:Policy.AHigherTierIncludesTheLowerOnesAndNotTheOtherWayRound",
            "trust_access:Access.AUserCanBeNamed"),
        one("a name that does not exist is refused", POLICY, 'if (!user) return unknown_name(setting, "user", name);',
            "if (!user) continue;", "unit_access:Policy.NamesThatDoNotExistAreRefused",
            "trust_access:Access.AnUnknownNameIsRefusedAndTheOldRulesStay"),
        one("a group that does not exist is refused", POLICY,
            'if (!gid) return unknown_name(setting, "group", name.substr(1));', "if (!gid) continue;",
            "unit_access:Policy.NamesThatDoNotExistAreRefused"),
        one("each denial is logged", DISPATCHER, '    log_warning("denied",', '    if (false) log_warning("denied",',
            "trust_access:Access.EachDenialIsLoggedWithMethodUserAndProcess",
            "integration_errors:Errors.OtherUsersGetNoKeys"),
        one("with its pid", DISPATCHER, '{"pid", std::int64_t{peer.pid}}', '{"pid", std::int64_t{0}}',
            "trust_access:Access.EachDenialIsLoggedWithMethodUserAndProcess"),
    ]  # fmt: skip


def who_is_calling() -> list[Protection]:
    return [
        Protection("who connected counts, not who has the pid now", [
            Edit(DISPATCHER, "#include <spdlog/spdlog.h>\n", "#include <spdlog/spdlog.h>\n#include <sys/stat.h>\n"),
            Edit(DISPATCHER, "asio::awaitable<Result<std::string>> call(", BY_PID),
            Edit(DISPATCHER, "allows(method->tier, peer)", "allows(method->tier, as_in_proc(peer))"),
        ], ["trust_access:Access.WhoConnectedCountsNotWhoUsesTheConnection"]),
        one("supplementary groups count", POLICY, "std::any_of(peer.groups.begin(), peer.groups.end(), in_group))",
            "false)", "unit_access:Policy.GroupsCountWhetherPrimaryOrSupplementary",
            "trust_access:Access.AGroupCanBeNamedAndMayBeASupplementaryOne"),
        one("all of the supplementary groups", PEER, "if (errno != ERANGE) return failed();", "return failed();",
            "trust_access:Access.AUserWithMoreThan64GroupsIsInAllOfThem"),
        one("an identity that the kernel does not tell is none", PEER,
            "SO_PEERCRED, &credentials, &size) != 0) return failed();",
            "SO_PEERCRED, &credentials, &size) != 0) return Peer{};",
            "unit_access:Peer.OfSomethingThatIsNoSocketIsAnError"),
    ]  # fmt: skip


def where_it_listens() -> list[Protection]:
    modes = "integration_lifecycle:Lifecycle.TheSocketIsForItsOwnerAndGroupOnly"
    group = "trust_access:Access.TheSocketsGroupCanReachItAndOthersCannot"
    return [
        one("the socket's directory is 0710", SOCKET_PLACE, "::chmod(directory.c_str(), 0710)",
            "::chmod(directory.c_str(), 0755)", modes),
        Protection("the socket is 0660", [
            Edit(LISTENER, "::umask(0117)", "::umask(0111)"),
            Edit(LISTENER, "::chmod(name.c_str(), 0660)", "::chmod(name.c_str(), 0666)"),
        ], [modes]),
        one("the socket is its group's", LISTENER,
            "!group || ::chown(name.c_str(), static_cast<uid_t>(-1), *group) == 0",
            "!group || true", group),
        one("its directory too", SOCKET_PLACE, "if (group && ::chown(directory", "if (group && false && ::chown(directory",
            group),
        one("a linked directory is refused", SOCKET_PLACE, "S_ISLNK(status.st_mode))\n        return Error",
            "false)\n        return Error", PLACE + "ALinkedDirectoryIsRefused"),
        one("another user's directory is refused", SAFE_PATH, "if (!outside && !is_owned_by(status, trusted))", "if (false)",
            PLACE + "AnotherUsersDirectoryIsRefused", PLACE + "ADirectoryBelowAnotherUsersIsRefused"),
        one("a directory that everybody may write to is refused", SAFE_PATH, "(status.st_mode & S_IWOTH) != 0",
            "false", PLACE + "ADirectoryThatEverybodyMayWriteToIsRefused"),
        one("one that its group may write to, too", SAFE_PATH, "(status.st_mode & S_IWGRP) != 0", "false",
            PLACE + "ADirectoryThatItsGroupMayWriteToIsRefused"),
        one("and what is above it counts", SAFE_PATH, "    PathWalk walk(path);\n",
            "    PathWalk walk(path);\n    while (!walk.is_last_name()) walk.next();\n", PLACE + "ADirectoryBelowOneThatOthersMayWriteToIsRefused",
            PLACE + "ADirectoryBelowAnotherUsersIsRefused"),
        one("root takes no volume that everybody may write to", SOCKET_PLACE, "::geteuid() == 0 || ", "", "ctest:anywhere:uid"),
        one("nor does another take a directory that is no volume", SOCKET_PLACE,
            "(status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0", "true", "ctest:anywhere:uid"),
        one("a user outside of the namespace is root above the last directory alone", SAFE_PATH,
            "!walk.is_last_name() && status.st_uid == outsider", "status.st_uid == outsider", "ctest:anywhere:uid"),
        one("the socket's path goes up by no link", SOCKET_PLACE, 'std::ranges::find(parts, "..") != parts.end()', "false",
            PLACE + "APathThatGoesUpFromALinkIsRefused"),
        one("nothing but a socket of its own is removed beside it", LISTENER, "    remove_own_stale(name);\n", "    ::unlink(name.c_str());\n",
            "unit_server:Listener.WhatIsNotItsOwnIsLeftWhereItIs"),
        one("before anything is made there", SOCKET_PLACE,
            "    if (auto checked = check(directory); !checked) return checked;\n    struct stat",
            "    struct stat", PLACE + "ADirectoryBelowOneThatOthersMayWriteToIsRefused"),
    ]  # fmt: skip


def whose_place_it_takes() -> list[Protection]:
    takes = "integration_lifecycle:Lifecycle.AStaleSocketIsTakenOverALiveOneNever"
    return [
        one("a live socket is not taken over", LISTENER, "Accepts::left_over : Accepts::somebody;", "Accepts::left_over : Accepts::nobody;", takes),
        one("what a killed daemon's program still has is waited for", LISTENER, "    return ::poll(&ended, 1, 0) == 1;", "    return ::poll(&ended, 1, 0) == 2;",
            "unit_server:Listener.WhatAKilledDaemonsProgramStillHasIsWaitedFor"),
        one("a stale socket is", LISTENER, "? Accepts::somebody : Accepts::nobody;", "? Accepts::somebody : Accepts::somebody;", takes),
        one("of daemons that start at once one looks at a time", LISTENER,
            "    const UniqueFd lock = lock_directory(socket_directory(path));\n", "", "unit_server:Listener.OfManyThatOpenAtOnceOneHasThePlace"),
        one("what is no socket is left alone", LISTENER, "&& !S_ISSOCK(status.st_mode);", "&& false;",
            "integration_lifecycle:Lifecycle.WhatIsNoSocketIsNotRemoved",
            "trust_socket:SocketPlace.ALinkInTheSocketsPlaceIsNotFollowed"),
        one("a successor's socket is not removed", LISTENER,
            " && status.st_ino == inode_ && status.st_dev == device_)\n", ")\n",
            "trust_socket:SocketPlace.ASocketOfASuccessorIsNotRemoved"),
        Protection("the socket goes with the daemon", [
            Edit(LISTENER, "status.st_dev == device_)\n        ::unlink(path_.c_str());\n",
                 "status.st_dev == device_) path_.clear();\n"),
        ], ["integration_lifecycle:Lifecycle.SigtermAnswersWhatWasReceivedThenRemovesTheSocketAndExits",
            "integration_lifecycle:Lifecycle.SigintStopsItToo"]),
    ]  # fmt: skip
