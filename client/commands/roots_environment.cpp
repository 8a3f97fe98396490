#include "client/commands/roots_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

/// A variable that leads to programs, to files or to a socket.
struct LeadingVariable {
    std::string_view name;
    std::string_view separators;  ///< of its paths; what else stands between them does not begin with '/'
    bool is_searched;             ///< a directory in which names are looked up, by what one finds there
};

constexpr std::string_view between_words = " \t\n\"'";

/// Those that a session may have from its launcher or the daemon (daemon/catalog/variables.cpp), and TMPDIR. It is a
/// list, as nobody says here which variables capsuled itself has set. Those stay: it has looked at root's home and at
/// the agents' directories when it loaded its configuration.
constexpr auto leading_variables = std::to_array<LeadingVariable>({{"CODEX_CA_CERTIFICATE", "", false},
                                                                   {"DISPLAY", ":", false},
                                                                   {"EDITOR", between_words, false},
                                                                   {"NODE_EXTRA_CA_CERTS", "", false},
                                                                   {"PAGER", between_words, false},
                                                                   {"SSH_AUTH_SOCK", "", false},
                                                                   {"SSL_CERT_DIR", ":", true},
                                                                   {"SSL_CERT_FILE", "", false},
                                                                   {"TMPDIR", "", false},
                                                                   {"TZ", ":", false},
                                                                   {"VISUAL", between_words, false},
                                                                   {"WAYLAND_DISPLAY", "", false},
                                                                   {"XDG_CACHE_HOME", "", true},
                                                                   {"XDG_RUNTIME_DIR", "", true}});

std::optional<UntrustedPath> untrusted_path_in(std::string_view value, const LeadingVariable& variable) {
    while (!value.empty()) {
        const std::size_t end = std::min(value.find_first_of(variable.separators), value.size());
        const std::string path(value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
        if (!path.starts_with('/')) continue;
        if (auto unsafe = variable.is_searched ? untrusted_directory(path) : untrusted_component(path)) return unsafe;
    }
    return std::nullopt;
}

/// One warning names all that are taken out.
std::vector<Warning> leave_out_variables(std::map<std::string, std::string>& env) {
    std::string out;
    for (const LeadingVariable& variable : leading_variables) {
        const auto found = env.find(std::string(variable.name));
        if (found == env.end()) continue;
        const auto unsafe = untrusted_path_in(found->second, variable);
        if (!unsafe) continue;
        out += (out.empty() ? "" : ", ") + found->first + " (" + unsafe->component + " " + unsafe->why + ")";
        env.erase(found);
    }
    if (out.empty()) return {};
    return {{"path.unsafe", "left out of root's session: " + out +
                                "; set [session] user of capsule.toml, or start daemon and session with root's own "
                                "variables (sudo without -E, su -)"}};
}

/// Takes out of `path` (PATH's form) each absolute directory in which another user could put a program: an interpreter
/// (`#!/usr/bin/env node`) is looked up there, too. Gives a warning for each.
std::vector<Warning> leave_out_of_path(std::string& path) {
    std::vector<Warning> out;
    std::string kept;
    for (std::string_view left = path; !left.empty();) {
        const std::size_t end = std::min(left.find(':'), left.size());
        const std::string entry(left.substr(0, end));
        left.remove_prefix(std::min(end + 1, left.size()));
        const auto unsafe = entry.starts_with('/') ? untrusted_directory(entry) : std::nullopt;
        if (unsafe)
            out.push_back({"path.unsafe", entry + " is left out of the PATH of root's session: " + unsafe->component +
                                              " " + unsafe->why + "; set [session] user of capsule.toml"});
        else
            kept.append(kept.empty() ? "" : ":").append(entry);
    }
    path = std::move(kept);
    return out;
}

}  // namespace

std::vector<Warning> leave_out_what_others_change(std::map<std::string, std::string>& env, const SessionUser& user) {
    if (::geteuid() != 0 || user.uid != 0) return {};
    std::vector<Warning> out = leave_out_variables(env);
    if (const auto path = env.find("PATH"); path != env.end())
        for (auto& warning : leave_out_of_path(path->second))
            out.push_back(std::move(warning));
    return out;
}

}  // namespace capsule
