#include "daemon/access/policy.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

constexpr uid_t daemon_uid = 4001;
constexpr uid_t stranger = 4002;

Peer peer(uid_t uid, gid_t gid = 4002, std::vector<gid_t> groups = {}) { return {1, uid, gid, std::move(groups)}; }

Policy make(AccessConfig access) { return Policy::make(access, daemon_uid).value(); }

TEST(Policy, ByDefaultAnybodyMayAskForStatusAndNobodyElseForMore) {
    const Policy policy = make({});
    EXPECT_TRUE(policy.allows(Tier::status, peer(stranger)));
    EXPECT_FALSE(policy.allows(Tier::spawn, peer(stranger)));
    EXPECT_FALSE(policy.allows(Tier::admin, peer(stranger)));
}

TEST(Policy, RootAndTheDaemonsOwnUserMayDoEverything) {
    const Policy policy = make({{}, {}, {}});
    for (const uid_t uid : {uid_t{0}, daemon_uid})
        for (const Tier tier : {Tier::status, Tier::spawn, Tier::admin}) EXPECT_TRUE(policy.allows(tier, peer(uid)));
}

TEST(Policy, EmptyListsDenyEverybodyElse) {
    const Policy policy = make({{}, {}, {}});
    for (const Tier tier : {Tier::status, Tier::spawn, Tier::admin}) EXPECT_FALSE(policy.allows(tier, peer(stranger)));
}

TEST(Policy, AHigherTierIncludesTheLowerOnesAndNotTheOtherWayRound) {
    const Policy policy = make({{}, {"nobody"}, {}});
    const Peer nobody = peer(65534);
    EXPECT_TRUE(policy.allows(Tier::status, nobody));
    EXPECT_TRUE(policy.allows(Tier::spawn, nobody));
    EXPECT_FALSE(policy.allows(Tier::admin, nobody));
}

TEST(Policy, GroupsCountWhetherPrimaryOrSupplementary) {
    const Policy policy = make({{}, {"@daemon"}, {}});  // gid 1 on Debian
    EXPECT_TRUE(policy.allows(Tier::spawn, peer(stranger, 1)));
    EXPECT_TRUE(policy.allows(Tier::spawn, peer(stranger, 4002, {7, 1})));
    EXPECT_FALSE(policy.allows(Tier::spawn, peer(stranger, 4002, {7})));
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
