#include <gtest/gtest.h>

#include "daemon/edit/json_edit.hpp"

namespace capsule {
namespace {

TEST(JsonEdit, RemovesItemsWhereverTheyStand) {
    for (const auto& [name, rest] : {std::pair{"a", R"({ "b" :2, "c":3 })"}, std::pair{"b", R"({ "a":1, "c":3 })"},
                                     std::pair{"c", R"({ "a":1, "b" :2 })"}}) {
        std::string text = R"({ "a":1, "b" :2, "c":3 })";
        const JsonContainer object = read_container(text, 0);
        remove_item(text, object, *object.find(name));
        EXPECT_EQ(text, rest);
    }
    std::string text = "[ 1 ]";
    const JsonContainer array = read_container(text, 0);
    remove_item(text, array, array.items[0]);
    EXPECT_EQ(text, "[]");
}

TEST(JsonEdit, RemovesSeveralItemsAtOnce) {
    for (const auto& [removed, rest] :
         {std::pair{"ab", "[ 3, 4 ]"}, {"bc", "[ 1, 4 ]"}, {"cd", "[ 1, 2 ]"}, {"ac", "[ 2, 4 ]"}, {"abcd", "[]"}}) {
        std::string text = "[ 1, 2, 3, 4 ]";
        const std::string numbers = text;
        const JsonContainer array = read_container(text, 0);
        remove_items(text, array, [&](const JsonItem& item) {
            return std::string_view(removed).find(static_cast<char>(numbers[item.begin] - '1' + 'a')) !=
                   std::string_view::npos;
        });
        EXPECT_EQ(text, rest);
    }
}

TEST(JsonEdit, AFileOfMoreItemsThanAnybodyWritesIsNotRead) {
    std::string text = "[1";
    for (int i = 0; i < 100'000; ++i)
        text += ",1";
    EXPECT_EQ(examine_json(text + "]").problem, "array too large");
}

TEST(JsonEdit, TellsJsoncFromBroken) {
    using Kind = JsonVerdict::Kind;
    EXPECT_EQ(examine_json("{\"a\":1e5}").kind, Kind::json);
    EXPECT_EQ(examine_json("\xEF\xBB\xBF{}").kind, Kind::json);
    EXPECT_EQ(examine_json("{} // x").kind, Kind::jsonc);
    EXPECT_EQ(examine_json("[1,]").kind, Kind::jsonc);
    const JsonVerdict broken = examine_json("{\n  \"a\": x\n}");
    EXPECT_EQ(broken.kind, Kind::broken);
    EXPECT_EQ(broken.line, 2U);
    EXPECT_EQ(broken.column, 8U);
}

}  // namespace
}  // namespace capsule
