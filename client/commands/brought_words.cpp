#include "client/commands/brought_words.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace capsule {
namespace {

struct Meaning {
    std::string_view after;
    std::string_view words;  ///< a space before and behind each
    std::string_view hint;
};

constexpr auto meanings = std::to_array<Meaning>({
    {"", " login signin sign-in add set store ", "did you mean \"capsulectl auth set PROVIDER\"?"},
    {"", " logout signout sign-out unset remove delete ", "did you mean \"capsulectl auth unset PROVIDER\"?"},
    {"", " key keys token tokens secret secrets credential credentials whoami ", "did you mean \"capsulectl auth\"?"},
    {"", " list ls info health show is-active ping overview agent agents ", "did you mean \"capsulectl status\"?"},
    {"", " model models ", "did you mean \"capsulectl providers AGENT\"? It lists their models."},
    {"", " ps top container containers events ", "did you mean \"capsulectl sessions\"?"},
    {"", " stop kill end rm ", "did you mean \"capsulectl sessions end ID\"?"},
    {"", " run start launch open attach use switch create ",
     "did you mean \"capsulectl exec AGENT --provider PROVIDER\"?"},
    {"", " why inspect describe view which route ", "did you mean \"capsulectl explain AGENT\"?"},
    {"", " env inject ", "did you mean \"capsulectl spawn AGENT\"?"},
    {"", " test check doctor validate ", "did you mean \"capsulectl verify\"?"},
    {"", " limits limit quota billing plan plans ", "did you mean \"capsulectl usage\"?"},
    {"", " restart daemon-reload refresh ", "did you mean \"capsulectl reload\"?"},
    {"", " stats ", "did you mean \"capsulectl metrics\"?"},
    {"", " version ", "did you mean \"capsulectl --version\"?"},
    {"", " log logs journal ",
     "the daemon's log is in the journal (\"journalctl -u capsuled\"), or in the file that capsuled named at its "
     "start"},
    {"", " init setup enable install edit ",
     "settings are in capsule.toml, which \"capsulectl status\" names; \"capsulectl auth set PROVIDER\" stores a key"},
    {"auth", " add login signin create store put write update rotate token refresh ",
     "did you mean \"capsulectl auth set PROVIDER\"?"},
    {"auth", " rm remove delete del logout signout clear ", "did you mean \"capsulectl auth unset PROVIDER\"?"},
    {"auth", " show get status view read switch ", "did you mean \"capsulectl auth list\"?"},
    {"sessions", " stop kill rm remove delete close ", "did you mean \"capsulectl sessions end ID\"?"},
    {"sessions", " show inspect get view status describe ",
     "the ID alone shows that session: \"capsulectl sessions ID\""},
    {"config", " show get list ls view cat set edit path reload ",
     "\"capsulectl status\" names capsule.toml: edit it, then run \"capsulectl reload\""},
    {"providers", " list ls all show ",
     "name the agent: \"capsulectl providers claude\" lists what it can be started on"},
});

constexpr auto brought_options = std::to_array<Meaning>({
    {"", " -v ", "did you mean \"--version\"?"},
    {"auth set", " --key --api-key --token --with-token --value --password --secret --stdin --password-stdin ",
     "the key is asked for, or read from standard input: capsulectl auth set PROVIDER <FILE"},
    {"exec", " --agent ", "the agent needs no option: capsulectl exec AGENT"},
    {"sessions", " -f -w --follow ", "did you mean \"--watch\"?"},
    {"sessions", " -a ", "did you mean \"--all\"?"},
    {"explain", " -a -v --verbose ", "did you mean \"--all\"?"},
    {"status", " -v --verbose ", "\"status\" shows all that it knows; \"--json\" has it for programs"},
});

std::string_view hint_among(std::span<const Meaning> list, std::string_view after, std::string_view word) {
    if (word.find(' ') != word.npos) return {};
    const std::string whole = " " + std::string(word) + " ";
    const auto found = std::ranges::find_if(
        list, [&](const Meaning& each) { return each.after == after && each.words.find(whole) != whole.npos; });
    return found == list.end() ? std::string_view() : found->hint;
}

}  // namespace

std::string_view hint_for_brought_word(std::string_view after, std::string_view word) {
    return hint_among(meanings, after, word);
}

std::string_view hint_for_brought_option(std::string_view after, std::string_view option) {
    return hint_among(brought_options, after, option);
}

}  // namespace capsule
