#include "daemon/base/reference.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

TEST(EnvironmentReference, TakesBothForms) {
    EXPECT_EQ(environment_reference("$ACME_ZAI_KEY"), "ACME_ZAI_KEY");
    EXPECT_EQ(environment_reference("${ACME_ZAI_KEY}"), "ACME_ZAI_KEY");
    EXPECT_EQ(environment_reference("$_a1"), "_a1");
}

TEST(EnvironmentReference, EverythingElseIsALiteral) {
    for (const std::string_view text : {"", "$", "${}", "$5", "$A-B", "x$A", "$A$B", "${A", "$A}", "$ A", "plain"})
        EXPECT_EQ(environment_reference(text), std::nullopt) << text;
}

TEST(OpReference, WellFormed) {
    for (const std::string_view text :
         {"op://vault/item/field", "op://Private Vault/Z.AI/api key", "op://v/i/section/f", "op://v/i/f?attribute=otp"})
        EXPECT_TRUE(is_well_formed_op_reference(text)) << text;
}

TEST(OpReference, Malformed) {
    for (const std::string_view text :
         {"op://", "op://vault", "op://vault/item", "op://vault/item/", "op:///item/field", "op://vault//field",
          "op://a/b/c/d/e", "op://v/i/f\n", "op:/v/i/f", "OP://v/i/f"})
        EXPECT_FALSE(is_well_formed_op_reference(text)) << text;
    EXPECT_TRUE(is_op_reference("op://vault"));
    EXPECT_FALSE(is_op_reference("https://x"));
}

}  // namespace
}  // namespace capsule
