#include "daemon/keys/key_resolver.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "tests/unit/keys/support.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const KeyScope reviewer{"acme", "reviewer"};

/// One place that a key can be at: how to put it there, and what the resolver then calls it.
struct Place {
    std::string source;
    std::string scope;
    std::function<void(Capsule&, const std::string& key)> put;
};

/// In the order of the spec. Every one of them is seen from workspace acme, role reviewer.
std::vector<Place> places(const Capsule& capsule) {
    const auto store = [](const KeyScope& scope) {
        return
            [scope](Capsule& in, const std::string& key) { EXPECT_TRUE(in.stored.set(variable, scope, Secret(key))); };
    };
    return {
        {"auth.toml", "role", store(reviewer)},
        {"capsule.toml:3", "role",
         [](Capsule& in, const std::string& key) {
             in.config.workspaces["acme"].roles["reviewer"].insert_or_assign(variable, Capsule::entry(key, 3));
         }},
        {"auth.toml", "workspace", store({"acme", std::nullopt})},
        {"capsule.toml:2", "workspace",
         [](Capsule& in, const std::string& key) {
             in.config.workspaces["acme"].env.insert_or_assign(variable, Capsule::entry(key, 2));
         }},
        {"auth.toml", "global", store({})},
        {"capsule.toml:1", "global",
         [](Capsule& in, const std::string& key) { in.config.env.insert_or_assign(variable, Capsule::entry(key, 1)); }},
        {"environment", "container", [](Capsule& in, const std::string& key) { in.set_env(variable, key); }},
        {"ZAI_API_KEY_FILE", "container",
         [](Capsule& in, const std::string& key) {
             in.set_env("ZAI_API_KEY_FILE", in.directory / "key");
             write_file(in.directory / "key", key + "\n");
         }},
        {"systemd credential", "container",
         [](Capsule& in, const std::string& key) { write_file(in.credentials + "/" + variable, key); }},
        {capsule.secrets + "/" + variable, "container",
         [](Capsule& in, const std::string& key) { write_file(in.secrets + "/" + variable, key); }},
    };
}

constexpr std::size_t place_count = 10;

class EachPlace : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sources, EachPlace, ::testing::Range<std::size_t>(0, place_count));

TEST_P(EachPlace, IsFoundAlone) {
    Capsule capsule;
    const Place place = places(capsule)[GetParam()];
    place.put(capsule, "FAKE-zai-alone");
    const KeyFinding finding = capsule.find(reviewer);
    EXPECT_EQ(finding.state, KeyState::present);
    EXPECT_EQ(finding.value.reveal(), "FAKE-zai-alone");
    EXPECT_EQ(finding.source, place.source);
    EXPECT_EQ(finding.scope, place.scope);
    EXPECT_THAT(finding.also_in, IsEmpty());
    EXPECT_TRUE(capsule.resolver().in_any_scope(variable));
    EXPECT_EQ(capsule.resolver().find("MINIMAX_API_KEY", reviewer).state, KeyState::absent);
    EXPECT_FALSE(capsule.resolver().in_any_scope("MINIMAX_API_KEY"));
}

TEST_P(EachPlace, WinsOverTheNextWhichIsNamed) {
    if (GetParam() + 1 == place_count) return;
    Capsule capsule;
    const Place upper = places(capsule)[GetParam()];
    const Place lower = places(capsule)[GetParam() + 1];
    lower.put(capsule, "FAKE-zai-lower");
    upper.put(capsule, "FAKE-zai-upper");
    const KeyFinding finding = capsule.find(reviewer);
    EXPECT_EQ(finding.value.reveal(), "FAKE-zai-upper");
    EXPECT_EQ(finding.source, upper.source);
    EXPECT_THAT(finding.also_in, ElementsAre(lower.source));
}

TEST_P(EachPlace, AnEmptyValueHidesOrIsAbsentByItsKind) {
    Capsule capsule;
    const Place place = places(capsule)[GetParam()];
    if (GetParam() + 1 < place_count) places(capsule)[GetParam() + 1].put(capsule, "FAKE-zai-lower");
    place.put(capsule, "");
    const KeyFinding finding = capsule.find(reviewer);
    if (place.scope != "container") {
        EXPECT_EQ(finding.state, KeyState::ignored);
        EXPECT_EQ(finding.source, place.source);
        EXPECT_TRUE(finding.value.empty());
    } else if (GetParam() + 1 < place_count) {
        EXPECT_EQ(finding.value.reveal(), "FAKE-zai-lower");
    } else {
        EXPECT_EQ(finding.state, KeyState::absent);
    }
}

TEST(KeyResolver, AllOfThemAtOnce) {
    Capsule capsule;
    for (const Place& place : places(capsule))
        place.put(capsule, "FAKE-zai");
    EXPECT_THAT(capsule.find(reviewer).also_in,
                ElementsAre("capsule.toml:3", "auth.toml", "capsule.toml:2", "auth.toml", "capsule.toml:1",
                            "environment", "ZAI_API_KEY_FILE", "systemd credential", capsule.secrets + "/" + variable));
}

TEST(KeyResolver, AScopeSeesItsOwnAndTheWiderOnesOnly) {
    Capsule capsule;
    const std::vector<Place> all = places(capsule);
    all[1].put(capsule, "FAKE-role");
    all[3].put(capsule, "FAKE-workspace");
    EXPECT_EQ(capsule.find().state, KeyState::absent);
    EXPECT_EQ(capsule.find({"other", "reviewer"}).state, KeyState::absent);
    EXPECT_EQ(capsule.find({std::nullopt, "reviewer"}).state, KeyState::absent);
    EXPECT_EQ(capsule.find({"acme", std::nullopt}).value.reveal(), "FAKE-workspace");
    EXPECT_EQ(capsule.find({"acme", "other"}).value.reveal(), "FAKE-workspace");
    EXPECT_EQ(capsule.find(reviewer).value.reveal(), "FAKE-role");
    EXPECT_TRUE(capsule.resolver().in_any_scope(variable));
}

TEST(KeyResolver, IgnoredInARoleIsNotAKeyInAnyScope) {
    Capsule capsule;
    places(capsule)[1].put(capsule, "");
    EXPECT_FALSE(capsule.resolver().in_any_scope(variable));
    EXPECT_TRUE(capsule.stored.set(variable, {"acme", std::nullopt}, Secret("FAKE-stored")));
    EXPECT_TRUE(capsule.resolver().in_any_scope(variable));
}

TEST(KeyResolver, NothingAtAll) {
    const KeyFinding finding = KeyResolver({}).find(variable, reviewer);
    EXPECT_EQ(finding.state, KeyState::absent);
    EXPECT_EQ(finding.source, "");
    EXPECT_FALSE(finding.error);
}

// ---- references ----

KeyFinding with_configured(Capsule& capsule, std::string_view value) {
    capsule.config.env.insert_or_assign(variable, Capsule::entry(value, 12));
    return capsule.find();
}

void expect_error(const KeyFinding& finding, const std::string& part) {
    ASSERT_EQ(finding.state, KeyState::error);
    ASSERT_TRUE(finding.error);
    EXPECT_EQ(finding.error->code, ErrorCode::key_error);
    EXPECT_THAT(finding.error->message, HasSubstr(part));
    EXPECT_FALSE(finding.error->hint.empty());
    EXPECT_THAT(finding.error->message + finding.error->hint, Not(HasSubstr("FAKE")));
    EXPECT_TRUE(finding.value.empty());
}

TEST(References, OfTheDaemonsEnvironment) {
    Capsule capsule;
    capsule.set_env("ACME_ZAI_KEY", "FAKE-acme");
    for (const char* value : {"$ACME_ZAI_KEY", "${ACME_ZAI_KEY}"}) {
        const KeyFinding finding = with_configured(capsule, value);
        EXPECT_EQ(finding.value.reveal(), "FAKE-acme");
        EXPECT_EQ(finding.source, "capsule.toml:12");
        EXPECT_EQ(finding.scope, "global");
    }
}

TEST(References, UnsetOrEmptyIsAnErrorAndNotTheNextSource) {
    Capsule capsule;
    capsule.set_env(variable, "FAKE-environment");
    capsule.set_env("EMPTY", "");
    expect_error(with_configured(capsule, "$NOT_SET"),
                 "ZAI_API_KEY (capsule.toml:12) refers to NOT_SET, which is not set");
    expect_error(with_configured(capsule, "${EMPTY}"), "refers to EMPTY, which is empty");
    expect_error(with_configured(capsule, "$gsk_FAKE0123456789abcdef"), "refers to …, which is not set");
}

TEST(References, OpIsHandedBackUntilItWasRead) {
    Capsule capsule;
    const std::string reference = "op://Private/zai/key";
    const KeyFinding unread = with_configured(capsule, reference);
    EXPECT_EQ(unread.state, KeyState::unresolved);
    EXPECT_EQ(unread.reference, reference);
    EXPECT_EQ(unread.source, "capsule.toml:12");
    EXPECT_TRUE(capsule.resolver().in_any_scope(variable));

    capsule.remembered.emplace(reference, Secret("FAKE-from-op"));
    EXPECT_EQ(capsule.find().value.reveal(), "FAKE-from-op");
    EXPECT_EQ(capsule.find().source, "capsule.toml:12");

    capsule.remembered.insert_or_assign(reference, Error{ErrorCode::key_error, "op: not signed in", "Run op signin."});
    expect_error(capsule.find(), "op: not signed in");
    EXPECT_FALSE(capsule.resolver().in_any_scope(variable));
}

TEST(References, AMalformedOpIsAnError) {
    Capsule capsule;
    for (const char* value : {"op://", "op://vault/item", "op://vault//field"})
        expect_error(with_configured(capsule, value), "ZAI_API_KEY (capsule.toml:12) is no 1Password reference");
}

TEST(References, OtherDollarsAreTheKeyItself) {
    Capsule capsule;
    EXPECT_EQ(with_configured(capsule, "$5-FAKE").value.reveal(), "$5-FAKE");
}

// ---- values that cannot be keys ----

TEST(Values, WithWhiteSpaceOrControlCharactersAreErrors) {
    Capsule capsule;
    expect_error(with_configured(capsule, "FAKE key"), "ZAI_API_KEY (capsule.toml:12) holds white space");
    expect_error(with_configured(capsule, "FAKE\n"), "white space");
    expect_error(with_configured(capsule, std::string_view("FAKE\0x", 6)), "a NUL byte");
    expect_error(with_configured(capsule, "FAKE\x01"), "a control character");
    expect_error(with_configured(capsule, "FAKE\x7f"), "a control character");
    expect_error(with_configured(capsule, "FAKE\u00e9"), "not ASCII");
    capsule.config.env.clear();
    capsule.set_env(variable, " FAKE");
    expect_error(capsule.find(), "ZAI_API_KEY (environment) holds white space");
    // Kubernetes gives a variable the newline that base64 kept.
    capsule.set_env(variable, "FAKE-key\n");
    EXPECT_EQ(capsule.find().value.reveal(), "FAKE-key");
    capsule.set_env(variable, "\n");
    EXPECT_EQ(capsule.find().state, KeyState::absent);
}

// ---- files ----

TEST(Files, RotationShowsAtOnce) {
    Capsule capsule;
    const std::string path = capsule.secrets + "/" + variable;
    write_file(path, "FAKE-old\n");
    EXPECT_EQ(capsule.find().value.reveal(), "FAKE-old");
    write_file(path, "FAKE-new\n");
    EXPECT_EQ(capsule.find().value.reveal(), "FAKE-new");
    std::filesystem::remove(path);
    EXPECT_EQ(capsule.find().state, KeyState::absent);
}

TEST(Files, AreReadOnceForManyScopes) {
    Capsule capsule;
    const std::string path = capsule.secrets + "/" + variable;
    write_file(path, "FAKE-old\n");
    const KeyResolver keys = capsule.resolver();
    EXPECT_EQ(keys.find(variable, {}).value.reveal(), "FAKE-old");
    write_file(path, "FAKE-new\n");
    EXPECT_EQ(keys.find(variable, {"any", "one"}).value.reveal(), "FAKE-old");
    EXPECT_EQ(keys.find("MINIMAX_API_KEY", {}).state, KeyState::absent) << "another variable is another file";
    EXPECT_EQ(capsule.find({"any", "one"}).value.reveal(), "FAKE-new");
}

TEST(Files, TheNamedFileMustBeThereAndAbsolute) {
    Capsule capsule;
    capsule.set_env("ZAI_API_KEY_FILE", capsule.directory / "missing");
    expect_error(capsule.find(), "ZAI_API_KEY_FILE names " + (capsule.directory / "missing"));
    const std::string odd = capsule.directory / "7bD994Prod2026";
    capsule.set_env("ZAI_API_KEY_FILE", odd);
    expect_error(capsule.find(), "ZAI_API_KEY_FILE names " + odd + ", which is not there");
    capsule.set_env("ZAI_API_KEY_FILE", odd + " FAKE-key");
    expect_error(capsule.find(), "ZAI_API_KEY_FILE names " + odd + " …, which is not there");
    capsule.set_env("ZAI_API_KEY_FILE", "/FAKEc2VjcmV0c2VjcmV0/FAKE+key0123456789==");
    expect_error(capsule.find(), "ZAI_API_KEY_FILE names …, which is not there");
    capsule.set_env("ZAI_API_KEY_FILE", "relative/key");
    EXPECT_EQ(capsule.find().error->message, "ZAI_API_KEY_FILE is not an absolute path") << "it may be the key itself";
    capsule.set_env("ZAI_API_KEY_FILE", "");
    EXPECT_EQ(capsule.find().state, KeyState::absent);
}

TEST(Files, BadOnesAreErrorsOfTheirSource) {
    Capsule capsule;
    ASSERT_EQ(::mkfifo((capsule.secrets + "/" + variable).c_str(), 0600), 0);
    expect_error(capsule.find(), "is a FIFO");
    EXPECT_EQ(capsule.find().source, capsule.secrets + "/" + variable);
    std::filesystem::create_directory(capsule.credentials + "/" + variable);
    expect_error(capsule.find(), "is a directory");
    EXPECT_EQ(capsule.find().source, "systemd credential");
    EXPECT_THAT(capsule.find().also_in, ElementsAre(capsule.secrets + "/" + variable));
}

TEST(Files, MissingDirectoriesHaveNoKeys) {
    Capsule capsule;
    capsule.credentials = capsule.directory / "none";
    capsule.secrets = capsule.directory / "none-either";
    EXPECT_EQ(capsule.find().state, KeyState::absent);
}

}  // namespace
}  // namespace capsule::test
