// providers.list for an agent: what the picker offers, and in which order.
#include "tests/integration/status_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(Status, ThePickerOffersWhatHasAKeyNativeFirst) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"KIMI_CODE_API_KEY", std::string(keys::kimi)}}});
    const json::value list = call("providers.list", R"({"agent":"claude"})");
    EXPECT_EQ(text_at(list, "/agent"), "claude");
    EXPECT_THAT(ids(at(list, "/choices")), ElementsAre("anthropic", "zai", "kimi"));
    EXPECT_EQ(text_at(list, "/default"), "anthropic");
    const json::value& zai = find_by(at(list, "/choices"), "id", "zai");
    EXPECT_EQ(text_at(zai, "/label"), "Z.AI");
    EXPECT_EQ(text_at(zai, "/tab_label"), "Claude (Z.AI)");
    EXPECT_EQ(text_at(zai, "/model"), "glm-5.3");
    EXPECT_FALSE(at(zai, "/native").as_bool());
    EXPECT_TRUE(at(list, "/choices/0/native").as_bool());
    const json::value& minimax = find_by(at(list, "/unavailable"), "id", "minimax");
    EXPECT_EQ(text_at(minimax, "/code"), "key.absent");
    EXPECT_THAT(text_at(minimax, "/reason"), HasSubstr("MINIMAX_API_KEY"));
}

TEST_F(Status, ThePickerIsEmptyWhenThereIsOnlyTheNativeAccount) {
    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}},
           .config = "[providers.zai.codex]\nblocked = \"not this month\"\n"});
    const json::value codex = call("providers.list", R"({"agent":"codex"})");
    EXPECT_THAT(ids(at(codex, "/choices")), IsEmpty()) << "Z.AI is blocked for Codex";
    EXPECT_EQ(text_at(codex, "/default"), "openai");
    const json::value& zai = find_by(at(codex, "/unavailable"), "id", "zai");
    EXPECT_EQ(text_at(zai, "/code"), "cell.blocked");
    EXPECT_THAT(text_at(zai, "/reason"), HasSubstr("not this month"));
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"codex"})"), "/tab_label"), "Codex");
}

TEST_F(Status, OpencodesListHasAnthropicAsNativeOnlyWithItsKey) {
    start();
    const json::value all = call("providers.list", R"({"agent":"opencode"})");
    EXPECT_THAT(ids(at(all, "/choices")), ElementsAre("anthropic", "zai", "minimax", "kimi"));
    EXPECT_TRUE(at(all, "/choices/0/native").as_bool());
    EXPECT_TRUE(at(all, "/choices/0/model").is_null());
    stop();

    start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}}});
    const json::value one = call("providers.list", R"({"agent":"opencode"})");
    EXPECT_THAT(ids(at(one, "/choices")), ElementsAre("zai"));
    EXPECT_EQ(text_at(one, "/default"), "zai") << "the only available one";
    EXPECT_EQ(text_at(find_by(at(one, "/unavailable"), "id", "anthropic"), "/code"), "key.absent");
    stop();

    start({.env = {}});
    const json::value none = call("providers.list", R"({"agent":"opencode"})");
    EXPECT_THAT(ids(at(none, "/choices")), IsEmpty());
    EXPECT_TRUE(at(none, "/default").is_null());
}

TEST_F(Status, TheConfiguredDefaultComesFirst) {
    start({.config = "[claude]\nprovider = \"kimi\"\n"});
    EXPECT_EQ(text_at(call("providers.list", R"({"agent":"claude"})"), "/default"), "kimi");
    EXPECT_EQ(text_at(call("spawn", R"({"agent":"claude"})"), "/provider"), "kimi");
    stop();
    start({.env = {}, .config = "[claude]\nprovider = \"kimi\"\n"});
    EXPECT_TRUE(at(call("providers.list", R"({"agent":"claude"})"), "/default").is_null());
    expect_error("spawn", R"({"agent":"claude"})", -32005, "key.absent");
}

}  // namespace
}  // namespace capsule::test
