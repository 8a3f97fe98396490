// What a renderer gives: the session's exact start, and what is ours in its files. No I/O.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/secret.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct Argument {
    std::string value;
    std::string from;
};

/// One variable of a session. A secret one is shown masked by everything but the spawn answer itself.
struct Variable {
    std::variant<std::string, Secret> value;
    std::string from;

    std::string_view reveal() const;
    std::string shown() const;
    bool secret() const { return std::holds_alternative<Secret>(value); }
};
using Environment = std::map<std::string, Variable>;

/// What a merge makes of a file.
struct Merged {
    std::optional<std::string> text;  ///< none: the file should not exist (or stay away)
    bool holds_key = false;           ///< then its mode is forced to 0600
    std::vector<Warning> warnings{};
    /// What is replaced or taken out may be somebody's own: the existing file is to be kept as NAME.before-capsuled
    /// first, and the user to be told (file.kept).
    bool save_existing = false;
    std::optional<std::string> saved{};  ///< what is kept in its place: the same without capsuled's keys
};

struct Plan;

/// What is ours in one file of the home, and how it goes together with what is not. Each agent makes its own.
struct FileIntent {
    std::string path;
    /// Takes the file as it is (none: there is none) and gives it as it should be. Pure. config.conflict, naming line
    /// and cure, where our part cannot go into it.
    std::function<Result<Merged>(const std::optional<std::string>& existing)> merge;
    /// What of it is ours, secrets masked, as `explain` shows it; none when it only removes.
    std::function<std::optional<std::string>()> shown;
    /// The warning that the file, being a link, was left as it is: keys would get to wherever it leads. None: a link is
    /// followed.
    std::optional<Warning> not_through_a_link{};
    /// Where one of `files` has one of `words` in it, or cannot be looked at, the user may have said there what this
    /// would say here: then what `instead` gives stands in its place.
    struct Deference {
        std::vector<std::string> files;
        std::vector<std::string_view> words;
        std::function<FileIntent()> instead;
    };
    std::optional<Deference> defers{};
    /// Where the file cannot be written: takes what names it out of the session's start. Null: nothing names it.
    std::function<void(Plan& plan)> do_without{};
    /// What it means for a session that the file cannot be written.
    std::string loss = "this session is not affected";
    /// The warning where a session does without it because of config.conflict: its code, and what that means for it.
    struct OnConflict {
        std::string code;
        std::string meaning;
    };
    OnConflict on_conflict{};
};

/// FileIntent::merge for content of one kind.
template <class Content>
struct MergeOf {
    std::shared_ptr<const Content> content;
    Result<Merged> (*merge)(const std::optional<std::string>& existing, const Content& content);

    Result<Merged> operator()(const std::optional<std::string>& existing) const { return merge(existing, *content); }
};

/// The FileIntent of `content`, whose path is its own.
template <class Content>
FileIntent file_intent(Content content, Result<Merged> (*merge)(const std::optional<std::string>&, const Content&),
                       std::optional<std::string> (*shown)(const Content&)) {
    const auto shared = std::make_shared<const Content>(std::move(content));
    return {shared->path, MergeOf<Content>{shared, merge}, [shared, shown] { return shown(*shared); }};
}

struct Plan {
    std::vector<Argument> argv;
    Environment env;
    std::vector<std::string> unset;
    std::vector<std::string> dropped;
    std::vector<FileIntent> files;
    std::vector<Warning> warnings;
    std::string project_left_out{};  ///< why the agent is to take nothing of its project's; empty: it may
};

}  // namespace capsule
