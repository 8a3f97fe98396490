// A session with everything in it that a test may want to change, and readers for the plan that comes out.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/agents/session.hpp"

namespace capsule::test {

using Strings = std::vector<std::string>;
using StringMap = std::map<std::string, std::string>;

/// Five providers, as the built-in catalog has them.
Catalog spec_catalog();

/// What `codex debug models --bundled` printed, trimmed; "0.169.0".
std::string codex_sample(const std::string& version);

/// All keys and native credentials that there are, as a careless operator has them in the daemon's environment.
std::map<std::string, Secret> every_secret();

struct Session {
    Config config;
    SessionHome home;
    HomeFacts facts;
    ModelList model_list;
    std::map<std::string, Secret> daemon_env;
    StringMap request_env;
    std::optional<Secret> key;
    std::string key_from = "environment";
    std::string key_variable;
    std::map<std::string, FileKey> file_keys;
    std::optional<std::string> binary = "/usr/bin/agent";
    std::optional<std::string> workspace;
    std::optional<std::string> role;

    /// The spec's catalog, user agent with home /home/agent, a PATH, and no keys.
    Session();

    SessionInputs inputs() const;
    Result<Plan> try_plan(Agent agent, const std::string& provider, std::optional<std::string> model = {}) const;
    /// Fails the test when there is none.
    Plan plan(Agent agent, const std::string& provider, std::optional<std::string> model = {}) const;
};

/// The key that keyed() has.
inline const std::string key = "sk-cp-FAKE-the-selected-key-000000000001";

/// With that key, and every other secret in the daemon's environment, so that each test is one of least privilege too.
Session keyed();

/// argv as it will be.
Strings argv_of(const Plan& plan);
/// The whole environment, revealed.
StringMap env_of(const Plan& plan);
/// The environment without what every session has (PATH, HOME, USER, LOGNAME, SHELL, CAPSULE_*).
StringMap route_env_of(const Plan& plan);
Strings warning_codes(const Plan& plan);

/// What the file is made of, if that is of this kind.
template <class Content>
const Content* content_of(const FileIntent& file) {
    const auto* merge = file.merge.target<MergeOf<Content>>();
    return merge ? merge->content.get() : nullptr;
}

/// The only intent of that kind, or none.
template <class Intent>
const Intent* intent_of(const std::vector<FileIntent>& files) {
    const Intent* found = nullptr;
    for (const FileIntent& file : files)
        if (const Intent* intent = content_of<Intent>(file)) {
            EXPECT_EQ(found, nullptr) << "two intents of one kind";
            found = intent;
        }
    return found;
}

/// The files that are wholly ours: path → content, "(removed)" for one that goes.
StringMap own_files(const std::vector<FileIntent>& files);

}  // namespace capsule::test
