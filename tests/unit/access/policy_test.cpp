#include "daemon/access/policy.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

constexpr uid_t daemon_uid = 4001;
constexpr uid_t stranger = 4002;

Peer peer(uid_t uid, gid_t gid = 4002, std::vector<gid_t> groups = {}) {
    return {1, uid, gid, std::move(groups)};
}

Policy make(AccessConfig access) {
    return Policy::make(access, daemon_uid).value();
}

TEST(Policy, ByDefaultAnybodyMayAskForStatusAndNobodyElseForMore) {
    const Policy policy = make({});
    EXPECT_TRUE(policy.allows(Tier::status, peer(stranger)));
    EXPECT_FALSE(policy.allows(Tier::spawn, peer(stranger)));
    EXPECT_FALSE(policy.allows(Tier::admin, peer(stranger)));
}

TEST(Policy, RootAndTheDaemonsOwnUserMayDoEverything) {
    const Policy policy = make({{}, {}, {}});
    for (const uid_t uid : {uid_t{0}, daemon_uid})
        for (const Tier tier : {Tier::status, Tier::spawn, Tier::admin})
            EXPECT_TRUE(policy.allows(tier, peer(uid)));
}

TEST(Policy, TheDaemonsOwnUserMayDoWhatIsConfiguredWhateverTheListsSay) {
    const std::string own = std::to_string(daemon_uid);
    for (const Tier most : {Tier::status, Tier::spawn}) {
        const Policy policy = make({{}, {own}, {own, "*"}, most});
        for (const Tier tier : {Tier::status, Tier::spawn, Tier::admin})
            EXPECT_EQ(policy.allows(tier, peer(daemon_uid)), tier <= most);
        EXPECT_FALSE(policy.is_owner(daemon_uid)) << "it has no more places than others";
        EXPECT_TRUE(policy.allows(Tier::admin, peer(0)));
        EXPECT_TRUE(policy.is_owner(0));
    }
    const Policy of_root = Policy::make({{}, {}, {"root"}, Tier::spawn}, 0).value();
    EXPECT_TRUE(of_root.allows(Tier::spawn, peer(0)));
    EXPECT_FALSE(of_root.allows(Tier::admin, peer(0)));
}

TEST(Policy, EmptyListsDenyEverybodyElse) {
    const Policy policy = make({{}, {}, {}});
    for (const Tier tier : {Tier::status, Tier::spawn, Tier::admin})
        EXPECT_FALSE(policy.allows(tier, peer(stranger)));
}

TEST(Policy, AHigherTierIncludesTheLowerOnesAndNotTheOtherWayRound) {
    const Policy policy = make({{}, {"games"}, {}});
    const Peer games = peer(5);  // on Debian
    EXPECT_TRUE(policy.allows(Tier::status, games));
    EXPECT_TRUE(policy.allows(Tier::spawn, games));
    EXPECT_FALSE(policy.allows(Tier::admin, games));
}

TEST(Policy, WhomUnknownUsersLookLikeCannotBeNamed) {
    for (const auto& [name, kind] : {std::pair{"nobody", "user"}, {"@nogroup", "group"}}) {
        const auto refused = Policy::make({{}, {name}, {}}, daemon_uid);
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, ErrorCode::config_conflict);
        EXPECT_NE(refused.error().message.find("any " + std::string(kind)), std::string::npos);
        EXPECT_FALSE(refused.error().hint.empty());
    }
}

TEST(Policy, WhoLooksLikeAnUnknownUserHasWhatEverybodyHas) {
    const Policy policy = make({{"*"}, {"@daemon"}, {}});
    const Peer unknown = peer(65534, 1, {1});
    EXPECT_TRUE(policy.allows(Tier::status, unknown));
    EXPECT_FALSE(policy.allows(Tier::spawn, unknown)) << "whatever groups it has";
    EXPECT_FALSE(make({{}, {"@daemon"}, {}}).allows(Tier::status, unknown));
}

TEST(Policy, GroupsCountWhetherPrimaryOrSupplementary) {
    const Policy policy = make({{}, {"@daemon"}, {}});  // gid 1 on Debian
    EXPECT_TRUE(policy.allows(Tier::spawn, peer(stranger, 1)));
    EXPECT_TRUE(policy.allows(Tier::spawn, peer(stranger, 4002, {7, 1})));
    EXPECT_FALSE(policy.allows(Tier::spawn, peer(stranger, 4002, {7})));
}

TEST(Policy, TheBrokersUserMayNothingWhateverItsGroupsAndEverybodyMay) {
    Policy policy = make({{"*"}, {"*", "@daemon"}, {"@daemon"}});
    policy.give_nothing_to(stranger);
    for (const Tier tier : {Tier::status, Tier::spawn, Tier::admin}) {
        EXPECT_FALSE(policy.allows(tier, peer(stranger, 1, {1})));
        EXPECT_TRUE(policy.allows(tier, peer(4003, 1, {1})));
    }
}

TEST(Policy, NumbersNeedNoEntry) {
    const Policy policy = make({{}, {"4002"}, {"@4777"}});
    EXPECT_TRUE(policy.allows(Tier::spawn, peer(stranger, 1)));
    EXPECT_FALSE(policy.allows(Tier::admin, peer(stranger, 1)));
    EXPECT_TRUE(policy.allows(Tier::admin, peer(4003, 1, {4777})));
    EXPECT_FALSE(policy.allows(Tier::status, peer(4777, 4002))) << "a group's number is no user's";
}

TEST(Policy, NamesThatDoNotExistAreRefused) {
    const auto user = Policy::make({{}, {"no-such-user-here"}, {}}, daemon_uid);
    ASSERT_FALSE(user);
    EXPECT_EQ(user.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(user.error().message, "[access] spawn: there is no user \"no-such-user-here\"");
    const auto group = Policy::make({{}, {}, {"@no-such-group-here"}}, daemon_uid);
    ASSERT_FALSE(group);
    EXPECT_EQ(group.error().message, "[access] admin: there is no group \"no-such-group-here\"");
}

}  // namespace
}  // namespace capsule
