#include "daemon/agents/codex/home.hpp"

#include <algorithm>
#include <unordered_set>

#include "daemon/agents/codex/config_file.hpp"

namespace capsule {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;

/// Reads variable names as dotenv files have them: NAME=value, export NAME = value, quoted values over several lines.
class DotenvNames {
  public:
    explicit DotenvNames(std::string_view text) : text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    }

    std::vector<std::string> run() {
        while (at_ < text_.size()) {
            skip(" \t\r\n");
            std::string name = word();
            skip(" \t");
            if (name == "export" && !next_is('=')) {
                name = word();
                skip(" \t");
            }
            if (!name.empty() && next_is('=')) {
                ++at_;
                skip_value();
                if (seen_.insert(name).second) names_.push_back(std::move(name));
            }
            skip_line();
        }
        return std::move(names_);
    }

  private:
    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
    void skip(std::string_view characters) { at_ = std::min(text_.find_first_not_of(characters, at_), text_.size()); }
    void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    std::string word() {
        constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
        const std::size_t start = at_;
        skip(letters);
        return std::string(text_.substr(start, at_ - start));
    }

    // Up to the end of its line, which a quoted part may carry further down.
    void skip_value() {
        char quote = 0;
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (quote == 0 && c == '\n') return;
            if (c == '\\' && quote != '\'') {
                if (quote != 0 || !text_.substr(at_ + 1).starts_with('\n')) ++at_;  // no line goes on without quotes
            } else if (quote == 0 && c == '#' && (text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t')) {
                return;
            } else if (quote == 0 && (c == '"' || c == '\'')) {
                quote = c;
            } else if (c == quote) {
                quote = 0;
            }
        }
        at_ = std::min(at_, text_.size());
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<std::string> names_;
    std::unordered_set<std::string> seen_;  // the file is the user's, and may have no end of them
};

}  // namespace

std::vector<std::string> dotenv_names(std::string_view text) {
    return DotenvNames(text).run();
}

std::string codex_auth_json(const SessionHome& home) {
    return home.codex_directory() + "/auth.json";
}

std::any look_at_codex_home(const SessionHome& home, const HomeReader& reader) {
    const std::string directory = home.codex_directory();
    CodexHome found;
    found.auth_json = reader.is_file(codex_auth_json(home));
    const auto read = [&](const std::string& path) {
        const auto text = reader.text(path, largest_file);
        return text ? found.provider_files[path] = std::make_shared<const CodexConfigFile>(*text) : nullptr;
    };
    found.config_file = read(directory + "/config.toml");
    for (const std::string_view path : codex_machine_files)
        read(std::string(path));
    if (found.config_file) found.settings = read_codex_settings(found.config_file->parsed);
    // What cannot be read here Codex cannot read either: it runs as the same user.
    if (const auto dotenv = reader.text(directory + "/.env", largest_file)) found.dotenv_names = dotenv_names(*dotenv);
    return found;
}

}  // namespace capsule
