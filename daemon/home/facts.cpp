#include <sys/stat.h>

#include <algorithm>

#include "daemon/write/apply.hpp"

namespace capsule {
namespace {

constexpr std::size_t max_dotenv_bytes = 1024 * 1024;

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
                if (std::ranges::find(names_, name) == names_.end()) names_.push_back(std::move(name));
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
};

void read_codex_home(HomeFacts& facts, const HomeFactsNeeded& needed, const std::string& codex) {
    struct stat status {};
    facts.codex_auth_json = ::stat((codex + "/auth.json").c_str(), &status) == 0 && S_ISREG(status.st_mode);
    constexpr std::size_t max_config_bytes = 1024 * 1024;
    if (needed.note_config_toml != nullptr)
        if (const auto config = read_file(codex + "/config.toml", max_config_bytes); config && *config)
            needed.note_config_toml(facts, **config);
    // What cannot be read here, under the session user's identity, Codex cannot read either.
    if (const auto dotenv = read_file(codex + "/.env", max_dotenv_bytes); dotenv && *dotenv)
        facts.codex_dotenv_names = DotenvNames(**dotenv).run();
}

}  // namespace

HomeFacts read_home_facts(const SessionHome& home, const HomeFactsNeeded& needed) {
    HomeFacts facts;
    if (needed.codex_home) read_codex_home(facts, needed, home.codex_directory());
    if (!needed.claude_json) return facts;
    // Wherever it stands in the file: to assume one too many costs a notice, one too few would send it elsewhere.
    if (const auto claude = read_file(home.claude_json()); claude && *claude)
        facts.claude_primary_key = (*claude)->find("\"primaryApiKey\"") != std::string::npos;
    return facts;
}

}  // namespace capsule
