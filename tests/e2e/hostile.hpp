// Settings that try to take a session elsewhere, at every place that the agents read.
#pragma once

#include <filesystem>

namespace capsule::e2e {

/// A repository that redirects base URLs, models, keys, headers, SDKs and profiles of all three agents.
void plant_hostile_repository(const std::filesystem::path& repository);

/// A home with an earlier life: another provider's settings, logins and configuration of all three agents. It also
/// trusts the repository, so that Codex reads the project's own configuration.
void plant_prior_home(const std::filesystem::path& home, const std::filesystem::path& repository);

/// Adds a test failure for each thing of plant_prior_home's that is no longer there.
void expect_prior_home_kept(const std::filesystem::path& home, const std::filesystem::path& repository);

}  // namespace capsule::e2e
