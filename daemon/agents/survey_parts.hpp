// What the surveys of the three agents share. See survey.hpp.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/agents/survey.hpp"

namespace capsule {

// What a setting would do.
inline constexpr std::string_view other_address = "sends requests to another address";
inline constexpr std::string_view other_key = "takes another account or key";
inline constexpr std::string_view other_model = "asks for another model";
inline constexpr std::string_view other_provider = "takes another provider";
inline constexpr std::string_view adds_to_requests = "adds to what is sent";
inline constexpr std::string_view runs_code = "runs with the session's environment, the key included";
inline constexpr std::string_view sends_out = "sends the session, a variable or a file to an address of its own";
inline constexpr std::string_view read_otherwise = "is read otherwise by the agent, and so may have any effect";
inline constexpr std::string_view reads_address = "reads instructions from another address";
inline constexpr std::string_view names_server = "names a server that may be given the session's environment";

/// Adds a project's files of that name, in each of its directories.
void add_project(std::vector<SettingsPlace>& places, const std::vector<std::string>& directories,
                 const std::string& name, SettingsFormat format, bool directory = false);

/// Collects what is found in one file.
class Findings {
  public:
    Findings(const SettingsPlace& place, std::string path, const SurveyedSession& session)
        : place_(place), path_(std::move(path)), session_(session) {}

    /// Notes that `member` has this effect. `neutralised_by` is the pin that keeps it from the session; empty: no pin
    /// does.
    void add(std::string member, std::string_view effect, std::string_view neutralised_by);
    /// Notes it for a project's file, with no pin. In the home's and the machine's files the user wants that setting.
    void add_of_project(std::string member, std::string_view effect) {
        if (project()) add(std::move(member), effect, {});
    }

    /// The same of what no switch keeps out.
    void add_unheld_of_project(std::string member, std::string_view effect) {
        if (project() && found_.size() < max_findings)
            found_.push_back({path_, std::move(member), std::string(effect), std::nullopt});
    }

    bool project() const { return place_.owner == SettingsOwner::project; }
    bool machine() const { return place_.owner == SettingsOwner::machine; }
    const SurveyedSession& session() const { return session_; }
    const Route& route() const { return session_.route; }
    const SettingsPlace& place() const { return place_; }
    bool has_variable(std::string_view name) const { return session_.plan.env.contains(std::string(name)); }
    bool has_argument(std::string_view word) const;
    /// Notes that the file was not read. One that is no JSON has no effect; one that is over a limit may have any.
    void not_read(Error error) {
        if (error.code != ErrorCode::parse_error) over_limit_ = std::move(error);
    }
    Result<std::vector<FoundSetting>> take() {
        if (over_limit_) return *std::move(over_limit_);
        return std::move(found_);
    }

  private:
    const SettingsPlace& place_;
    std::string path_;
    const SurveyedSession& session_;
    std::vector<FoundSetting> found_;
    std::optional<Error> over_limit_;
};

/// The name of a setting, as an answer may show it. A name that is long or has unusual characters becomes "…".
std::string shown_name(std::string_view name);

/// Reads JSON as the agents do, with comments and trailing commas. Fails as parse_json() does; with parse_error, too,
/// if it is no object or not UTF-8. An agent may take what fails here: jsonc-parser takes half a surrogate pair.
Result<boost::json::object> read_settings_json(std::string_view text);

/// The value of `name` in the "name: value" lines at the top of a Markdown file, without quotes. Empty: there is none.
std::string_view head_value(std::string_view text, std::string_view name);

}  // namespace capsule
