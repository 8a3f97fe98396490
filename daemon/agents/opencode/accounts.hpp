// OpenCode's logins that bring settings: accounts of a console, and those of the type "wellknown" in auth.json. From
// the server of a wellknown one it fetches settings before anything else. Where they say {env:NAME}, the session's key
// goes to wherever they name. From the server of the active account it fetches an organisation's settings, which
// outrank OPENCODE_CONFIG_CONTENT: another address, another SDK, plugins. Nothing that a session can be given comes
// later but what an administrator has. So a session does not start where there may be such a login.
#pragma once

#include "daemon/agents/agent.hpp"

namespace capsule {

enum class ActiveAccount {
    none,
    one,
    unknown,  ///< the database is not as OpenCode writes it, or was written to meanwhile
};

/// Whether an account is active in OpenCode's database, of SQLite's format. `log` is what SQLite has written beside it
/// (NAME-wal) and not yet into it; null: there is none. What it says of any version of a page counts. Reads the few
/// pages that say so. They are the home's: whatever is in them, it ends.
ActiveAccount active_account(const FilePart& database, const FilePart* log);

/// For AgentDescriptor::check_home: config.conflict where the database that a session would use may have one, or its
/// auth.json a wellknown login.
Result<void> refuse_logins_with_settings(const Plan& plan, const HomeReader& reader);

}  // namespace capsule
