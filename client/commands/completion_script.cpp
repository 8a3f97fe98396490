#include "client/commands/completion_script.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "protocol/agents.hpp"

namespace capsule {
namespace {

struct Word {
    std::string text;
    std::string description;
};

struct OptionInfo {
    std::vector<std::string> names;  ///< with their dashes
    std::string description;
    bool takes_value = false;
    bool is_path = false;
    std::vector<std::string> choices;
    std::string asked;  ///< what `capsulectl words` is asked for; empty: nothing
};

struct CommandInfo {
    std::vector<std::string> path;  ///< without "capsulectl"
    std::vector<Word> words;        ///< subcommands, or what the first argument may be
    std::vector<OptionInfo> options;
    std::string asked;  ///< as an option's, of the first argument
};

std::string joined(const std::vector<std::string>& words, std::string_view separator = " ") {
    std::string out;
    for (const std::string& word : words)
        out += (out.empty() ? "" : std::string(separator)) + word;
    return out;
}

std::string quoted(std::string_view text, std::string_view escaped_quote) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += escaped_quote;
        else
            out += c;
    }
    return out + "'";
}

/// takes_one_of() shows them as "json|shell|env0"; the names of other values are upper case.
std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const bool lists =
        !type.empty() && type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789|") == std::string::npos;
    return lists ? CLI::detail::split(type, '|') : std::vector<std::string>();
}

/// Whose values the daemon knows.
std::string asked_for(const CLI::Option& option) {
    constexpr auto kinds = std::to_array<std::pair<std::string_view, std::string_view>>({
        {"--provider", "providers"},
        {"PROVIDER", "providers"},
        {"--model", "models"},
        {"--workspace", "workspaces"},
        {"--role", "roles"},
        {"ID", "sessions"},
    });
    const std::string name = option.get_name(option.get_positional());
    for (const auto& [each, kind] : kinds)
        if (name == each) return std::string(kind);
    return {};
}

OptionInfo describe(const CLI::Option& option) {
    OptionInfo info;
    for (const std::string& name : option.get_snames())
        info.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames())
        info.names.push_back("--" + name);
    info.description = option.get_description();
    info.takes_value = option.get_items_expected_min() > 0;
    info.is_path = option.get_type_name() == "PATH";
    info.choices = choices_of(option);
    info.asked = asked_for(option);
    return info;
}

void collect(const CLI::App& command, std::vector<std::string> path, std::vector<CommandInfo>& out) {
    CommandInfo info{std::move(path), {}, {}, {}};
    std::vector<const CLI::Option*> options = command.get_options();
    if (command.get_parent() != nullptr) {
        const CLI::App* top = &command;
        while (top->get_parent() != nullptr)
            top = top->get_parent();
        for (const char* global : {"--json", "--socket"})
            options.push_back(top->get_option(global));
    }
    for (const CLI::Option* option : options) {
        if (!option->get_positional()) {
            info.options.push_back(describe(*option));
            continue;
        }
        auto values = choices_of(*option);
        if (option->get_name(true) == "AGENT")
            for (const AgentFacts& agent : all_agents)
                values.emplace_back(agent.id);
        for (const std::string& value : values)
            info.words.push_back({value, ""});
        info.asked = asked_for(*option);
    }
    const auto subcommands = command.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
    for (const CLI::App* each : subcommands)
        info.words.push_back({each->get_name(), each->get_description()});
    out.push_back(info);
    for (const CLI::App* each : subcommands) {
        auto longer = info.path;
        longer.push_back(each->get_name());
        collect(*each, std::move(longer), out);
    }
}

/// Shell patterns "PATH WORD" of every command, and of every option with a value: bash and zsh share them.
std::string command_patterns(const std::vector<CommandInfo>& commands) {
    std::vector<std::string> patterns;
    for (const CommandInfo& command : commands) {
        if (command.path.empty()) continue;
        const auto parent = std::vector<std::string>(command.path.begin(), command.path.end() - 1);
        patterns.push_back("\"" + joined(parent) + " " + command.path.back() + "\"");
    }
    return joined(patterns, " | ");
}

/// A case of `"$at $prev"` per option that takes a value; `offer` turns its values into a command.
template <class Offer>
std::string value_cases(const std::vector<CommandInfo>& commands, Offer offer) {
    std::string out;
    for (const CommandInfo& command : commands)
        for (const OptionInfo& option : command.options) {
            if (!option.takes_value) continue;
            std::vector<std::string> patterns;
            for (const std::string& name : option.names)
                patterns.push_back("\"" + joined(command.path) + " " + name + "\"");
            out += "        " + joined(patterns, " | ") + ") " + offer(option) + "; return ;;\n";
        }
    return out;
}

/// The daemon's answer, one word a line, as bash and zsh have it; nothing where it is away.
std::string answer_to(const std::string& asked) {
    return "$(capsulectl words " + asked + " 2>/dev/null)";
}

std::string bash_script(const std::vector<CommandInfo>& commands) {
    std::string out =
        "# capsulectl's completion for bash: source <(capsulectl completion bash)\n"
        "_capsulectl() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= words= i\n"
        "    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case \"$at ${COMP_WORDS[i]}\" in\n"
        "            " +
        command_patterns(commands) +
        ") at=\"${at:+$at }${COMP_WORDS[i]}\" ;;\n"
        "        esac\n"
        "    done\n"
        "    case \"$at $prev\" in\n";
    out += value_cases(commands, [](const OptionInfo& option) {
        // Another user may have made a name with a command in it. bash's own completion quotes what it inserts, but may
        // run what stands in a name that it has found through a variable.
        if (option.is_path) return std::string("[[ $cur == *[\\$\\`]* ]] || compopt -o default");
        const std::string words =
            option.asked.empty() ? "'" + joined(option.choices) + "'" : "\"" + answer_to(option.asked) + "\"";
        return "COMPREPLY=($(compgen -W " + words + " -- \"$cur\"))";
    });
    out += "    esac\n    case \"$at\" in\n";
    for (const CommandInfo& command : commands) {
        std::vector<std::string> words;
        for (const Word& word : command.words)
            words.push_back(word.text);
        for (const OptionInfo& option : command.options)
            words.insert(words.end(), option.names.begin(), option.names.end());
        const std::string asked = command.asked.empty() ? "" : "\" " + answer_to(command.asked) + "\"";
        out += "        \"" + joined(command.path) + "\") words='" + joined(words) + "'" + asked + " ;;\n";
    }
    return out +
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "}\n"
           "complete -F _capsulectl capsulectl\n";
}

/// 'name:description' as _describe wants it.
std::string zsh_entry(const std::string& name, std::string description) {
    std::replace(description.begin(), description.end(), ':', ',');
    return quoted(description.empty() ? name : name + ":" + description, "'\\''");
}

std::string zsh_script(const std::vector<CommandInfo>& commands) {
    std::string out =
        "#compdef capsulectl\n"
        "# capsulectl's completion for zsh: source <(capsulectl completion zsh), or a file _capsulectl in $fpath\n"
        "_capsulectl() {\n"
        "    local at= prev=${words[CURRENT-1]}\n"
        "    local -i i\n"
        "    local -a candidates options\n"
        "    for ((i = 2; i < CURRENT; i++)); do\n"
        "        case \"$at ${words[i]}\" in\n"
        "            " +
        command_patterns(commands) +
        ") at=\"${at:+$at }${words[i]}\" ;;\n"
        "        esac\n"
        "    done\n"
        "    case \"$at $prev\" in\n";
    out += value_cases(commands, [](const OptionInfo& option) {
        if (option.is_path) return std::string("_files");
        if (!option.asked.empty())
            return "candidates=(${(f)\"" + answer_to(option.asked) + "\"}); _describe value candidates";
        if (option.choices.empty()) return "_message " + quoted(option.description, "'\\''");
        return "candidates=(" + joined(option.choices) + "); _describe value candidates";
    });
    out += "    esac\n    case \"$at\" in\n";
    for (const CommandInfo& command : commands) {
        out += "        \"" + joined(command.path) + "\")\n            candidates=(";
        for (const Word& word : command.words)
            out += zsh_entry(word.text, word.description) + " ";
        if (!command.asked.empty()) out += "${(f)\"" + answer_to(command.asked) + "\"}";
        out += ")\n            options=(";
        for (const OptionInfo& option : command.options)
            for (const std::string& name : option.names)
                out += zsh_entry(name, option.description) + " ";
        out += ") ;;\n";
    }
    return out +
           "    esac\n"
           "    _describe argument candidates\n"
           "    _describe -o option options\n"
           "}\n"
           "if [[ ${funcstack[1]} == _capsulectl ]]; then _capsulectl \"$@\"; else compdef _capsulectl capsulectl; "
           "fi\n";
}

/// True where `command` has been typed and none of its subcommands yet.
std::string fish_condition(const CommandInfo& command) {
    std::string condition;
    for (const std::string& name : command.path)
        condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + name);
    const bool has_subcommands = !command.words.empty() && !command.words.front().description.empty();
    if (command.path.empty()) return "__fish_use_subcommand";
    if (!has_subcommands) return condition;
    condition += "; and not __fish_seen_subcommand_from";
    for (const Word& word : command.words)
        condition += " " + word.text;
    return condition;
}

std::string fish_script(const std::vector<CommandInfo>& commands) {
    std::string out =
        "# capsulectl's completion for fish: capsulectl completion fish | source\n"
        "complete -c capsulectl -f\n";
    for (const CommandInfo& command : commands) {
        const std::string start = "complete -c capsulectl -n " + quoted(fish_condition(command), "\\'");
        for (const Word& word : command.words)
            out += start + " -a " + word.text +
                   (word.description.empty() ? "" : " -d " + quoted(word.description, "\\'")) + "\n";
        if (!command.asked.empty()) out += start + " -a '(capsulectl words " + command.asked + " 2>/dev/null)'\n";
        for (const OptionInfo& option : command.options) {
            out += start;
            for (const std::string& name : option.names)
                out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (option.is_path)
                out += " -r -F";
            else if (option.takes_value)
                out += " -x";
            if (!option.asked.empty()) out += " -a '(capsulectl words " + option.asked + " 2>/dev/null)'";
            if (!option.choices.empty()) out += " -a " + quoted(joined(option.choices), "\\'");
            out += " -d " + quoted(option.description, "\\'") + "\n";
        }
    }
    return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
    std::vector<CommandInfo> commands;
    collect(app, {}, commands);
    if (shell == "bash") return bash_script(commands);
    if (shell == "zsh") return zsh_script(commands);
    if (shell == "fish") return fish_script(commands);
    return {};
}

}  // namespace capsule
