// What a person sees who mistypes something: one row each.
#include <algorithm>
#include <sstream>

#include "tests/integration/bad_input_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;
struct Row {
    Words words;
    int exit_code;
    std::string says;  ///< all of standard error
};

TEST_F(BadInput, EachMisspellingNamesWhatWasMeant) {
    start_with_names();
    const std::string known =
        " is known by its table in capsule.toml, a role's manifest, or `capsulectl auth set`. "
        "[session] unknown_scopes = \"allow\" lets any name pass.\n";
    for (
        const Row& row : std::vector<Row>{
            // Commands.
            {{"statsu"}, 2, "capsulectl: unknown command \"statsu\"\n  hint: did you mean \"status\"?\n"},
            {{"auth", "lst"}, 2, "capsulectl: unknown command \"lst\"\n  hint: did you mean \"list\"?\n"},
            {{"help", "statsu"}, 2, "capsulectl: unknown command \"statsu\"\n  hint: did you mean \"status\"?\n"},
            {{"statsu", "--help"}, 2, "capsulectl: unknown command \"statsu\"\n  hint: did you mean \"status\"?\n"},
            {{"claude", "--provider", "zai"},
             2,
             "capsulectl: unknown command \"claude\"\n  hint: did you mean \"capsulectl exec claude\"?\n"},
            // Flags and their values.
            {{"spawn", "claude", "--provder", "zai"},
             2,
             "capsulectl: unknown option --provder\n  hint: did you mean \"--provider\"?\n"},
            {{"--sockt", "x", "status"}, 2, "capsulectl: unknown option --sockt\n  hint: did you mean \"--socket\"?\n"},
            {{"spawn", "claude", "--format", "shel"},
             2,
             "capsulectl: --format: \"shel\" is none of json, shell, env0: did you mean \"shell\"?\n"
             "  hint: see \"capsulectl spawn --help\"\n"},
            {{"completion", "bsh"},
             2,
             "capsulectl: SHELL: \"bsh\" is none of bash, zsh, fish: did you mean \"bash\"?\n"
             "  hint: see \"capsulectl completion --help\"\n"},
            {{"spawn", "claude", "--provider"},
             2,
             "capsulectl: --provider needs a value after it\n  hint: see \"capsulectl spawn --help\"\n"},
            {{"exec", "claude", "--keep-fd", "1"},
             2,
             "capsulectl: --keep-fd: expected a descriptor's number, from 3 on\n  hint: see \"capsulectl exec "
             "--help\"\n"},
            {{"spawn"}, 2, "capsulectl: AGENT is missing\n  hint: see \"capsulectl spawn --help\"\n"},
            {{"auth", "set", "zai", "--role", "reviewer"},
             2,
             "capsulectl: --role needs --workspace: keys belong to a role within a workspace\n"
             "  hint: add --workspace NAME\n"},
            // Agents, providers, models, workspaces, roles, sessions.
            {{"explain", "cluade"},
             2,
             "capsulectl: there is no agent \"cluade\"\n  hint: Did you mean \"claude\"? The agents are claude, codex, "
             "opencode.\n"},
            {{"exec", "zai"},
             2,
             "capsulectl: there is no agent \"zai\"\n  hint: The agents are claude, codex, opencode. A provider is "
             "named "
             "by --provider.\n"},
            {{"explain", "claude", "--provider", "zia"},
             2,
             "capsulectl: there is no provider \"zia\"\n  hint: Did you mean \"zai\"? The providers are anthropic, "
             "openai, "
             "zai, minimax, kimi; [providers.<id>] in capsule.toml adds one.\n"},
            {{"auth", "set", "zia"},
             2,
             "capsulectl: there is no provider \"zia\"\n  hint: Did you mean \"zai\"? The providers are anthropic, "
             "openai, "
             "zai, minimax, kimi; [providers.<id>] in capsule.toml adds one.\n"},
            {{"explain", "claude", "--provider", "zai", "--workspace", "amce"},
             2,
             "capsulectl: there is no workspace \"amce\"\n  hint: Did you mean \"acme\"? A workspace" + known},
            {{"auth", "list", "--workspace", "acme", "--role", "reviewr"},
             2,
             "capsulectl: there is no role \"reviewr\"\n  hint: Did you mean \"reviewer\"? A role" + known},
        }) {
        const Outcome outcome = ctl(row.words);
        EXPECT_EQ(outcome.exit_code, row.exit_code) << row.says;
        EXPECT_EQ(outcome.err, row.says);
        EXPECT_EQ(outcome.out, "") << row.says;
    }
    // A model may be newer than the catalog, so it is a warning.
    EXPECT_THAT(ctl({"explain", "claude", "--provider", "zai", "--model", "glm53", "--json"}).out,
                HasSubstr("so the agent guesses it. Did you mean glm-5.3? Else say it in capsule.toml"));
}

TEST_F(BadInput, TheDaemonsOwnCommandLineSaysAsMuch) {
    write_file(config_file(), "");
    for (const Row& row : std::vector<Row>{
             {{"--confg", "x"}, 2, "capsuled: unknown option --confg\n  hint: did you mean \"--config\"?\n"},
             {{"status"},
              2,
              "capsuled: \"status\" is no option\n  hint: commands are capsulectl's: see \"capsulectl --help\"; "
              "capsuled "
              "takes options: see \"capsuled --help\"\n"},
             {{"-d"},
              2,
              "capsuled: unknown option -d\n  hint: capsuled stays in the foreground: start it by systemd, or with "
              "\"&\" "
              "behind it\n"},
             {{"--log-level", "warning"},
              2,
              "capsuled: --log-level: \"warning\" is none of trace, debug, info, warn, error: did you mean \"warn\"?\n"
              "  hint: see \"capsuled --help\"\n"},
             {{"--log-level", "inf"},
              2,
              "capsuled: --log-level: \"inf\" is none of trace, debug, info, warn, error: did you mean \"info\"?\n"
              "  hint: see \"capsuled --help\"\n"},
             {{"--socket"}, 2, "capsuled: --socket needs a value after it\n  hint: see \"capsuled --help\"\n"},
         }) {
        const Outcome outcome = run_command(capsuled(row.words));
        EXPECT_EQ(outcome.exit_code, row.exit_code) << row.says;
        EXPECT_EQ(outcome.err, row.says);
        EXPECT_EQ(outcome.out, "");
    }
    EXPECT_THAT(run_command(capsuled({"-V"})).out, ::testing::StartsWith("capsuled "));
    const std::string help = run_command(capsuled({"--help"})).out;
    EXPECT_THAT(help, HasSubstr("Examples:\n  capsuled --check-config\n  capsuled --log-file"));
    EXPECT_THAT(help, Not(HasSubstr("TEXT")));
}

struct Setting {
    std::string text;
    std::string says;  ///< what follows the file's name
};

TEST_F(BadInput, AMistakeInTheConfigurationIsShownWithItsLineAndCure) {
    for (const Setting& each : std::vector<Setting>{
             {"[sesion]\n", ":1:2: sesion: unknown section\n[sesion]\n  hint: Did you mean \"session\"?\n"},
             {"[session]\nusr = \"agent\"\n",
              ":2:1: session.usr: unknown setting\nusr = \"agent\"\n  hint: Did you mean \"user\"?\n"},
             {"[env]\nZIA_API_KEY = \"FAKE-1\"\n",
              ":2:1: env.ZIA_API_KEY: this is nearly ZAI_API_KEY, and would go to every session as it is\n"
              "ZIA_API_KEY = …\n  hint: Did you mean ZAI_API_KEY?\n"},
             {"[claude]\nprovider = \"zia\"\n",
              ":2:12: claude.provider: there is no provider \"zia\"\nprovider = \"zia\"\n  hint: Did you mean "
              "\"zai\"?\n"},
             // No TOML at all: never the library's words, never what could be a key.
             {"[env]\nZAI_API_KEY = sk-FAKE-123\n",
              ":2:15: this is not valid TOML: this is no value\nZAI_API_KEY = …\n"
              "  hint: Write text in quotes: name = \"value\".\n"},
             {"[env]\nZAI_API_KEY = \"FAKE-1\n",
              ":2:22: this is not valid TOML: a text's closing quote is missing\nZAI_API_KEY = …\n"
              "  hint: End the text on the same line, with the quote that it begins with.\n"},
             {"[daemon\nlog_level = \"info\"\n",
              ":1:8: this is not valid TOML: the heading's \"]\" is missing\n[daemon\n"
              "  hint: Write a heading as [name].\n"},
             {"[claude]\nmodel = \"a\"\nmodel = \"b\"\n",
              ":3:9: this is not valid TOML: this name is set twice\nmodel = \"b\"\n  hint: Keep one of the two "
              "lines.\n"},
             {"[session]\npassthrough = [\"a\" \"b\"]\n",
              ":2:20: this is not valid TOML: a list's comma or \"]\" is missing\npassthrough = [\"a\" \"b\"]\n"
              "  hint: Write a list as [\"one\", \"two\"].\n"},
         }) {
        write_file(config_file(), each.text);
        fs::permissions(config_file(), fs::perms{0600});
        const Outcome outcome = run_command(capsuled({"--config", config_file(), "--check-config"}));
        EXPECT_EQ(outcome.exit_code, 1) << each.text;
        EXPECT_EQ(outcome.err, "capsuled: " + config_file().string() + each.says) << each.text;
    }
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        while (line.ends_with('\r'))
            line.pop_back();
        lines.push_back(line);
    }
    return lines;
}

/// Words apart, since lines are broken between them.
Words words_of(const std::string& text) {
    Words words;
    std::istringstream in(text);
    for (std::string word; in >> word;)
        words.push_back(word);
    return words;
}

std::string without_space(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r'; });
    return text;
}

/// A word that is longer than the terminal is wide stands alone, or last.
std::size_t width_without_last_word(const std::string& line) {
    const std::size_t space = line.rfind(' ');
    return space == std::string::npos ? 0 : line.find_last_not_of(' ', space) + 1;
}

}  // namespace
}  // namespace capsule::test
