#include "daemon/agents/build.hpp"
#include "daemon/agents/opencode/accounts.hpp"
#include "tests/support/opencode_database.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FilePart part_of(const std::string& text) {
    return [&text](std::uint64_t offset, std::size_t count) {
        return offset < text.size() ? text.substr(static_cast<std::size_t>(offset), count) : std::string();
    };
}

ActiveAccount account_in(const std::string& database, const std::string& log = "") {
    const FilePart file = part_of(database), log_file = part_of(log);
    return active_account(file, log.empty() ? nullptr : &log_file);
}

TEST(OpencodeAccounts, OneIsFound) {
    EXPECT_EQ(account_in(opencode_database({logged_in})), ActiveAccount::one);
    EXPECT_EQ(account_in(opencode_database({logged_out, logged_in})), ActiveAccount::one);
    // Whatever the order of the columns is.
    for (const auto& row : std::vector<std::vector<std::optional<std::string>>>{
             {std::nullopt, "acc1", std::nullopt},
             {"acc1", std::nullopt, "org1"},
             {std::nullopt, std::nullopt, std::nullopt, "acc1", "org1"},
             {std::string(4000, 'x'), "acc1"},  // which is elsewhere
         })
        EXPECT_EQ(account_in(opencode_database({database_row(row).substr(0, 100)})), ActiveAccount::one);
    // The list of tables has several pages.
    const std::string many = database_page_of({big_endian(2, 4) + short_number(1)}, true, 3) +
                             database_page_of({table_row("session", 5)}) +
                             database_page_of({table_row("Account_State", 4)}) + database_page_of({logged_in});
    EXPECT_EQ(account_in(many), ActiveAccount::one);
}

TEST(OpencodeAccounts, AHomeWithoutOneHasNone) {
    EXPECT_EQ(account_in(""), ActiveAccount::none);
    EXPECT_EQ(account_in(opencode_database({})), ActiveAccount::none);
    EXPECT_EQ(account_in(opencode_database({logged_out})), ActiveAccount::none);
    EXPECT_EQ(account_in(database_page_of({table_row("session", 2)}, true)), ActiveAccount::none)
        << "an older OpenCode's";
    EXPECT_EQ(account_in(opencode_database({}), "no log"), ActiveAccount::none);
}

TEST(OpencodeAccounts, WhatIsInTheLogCounts) {
    const std::string in = database_page_of({logged_in}), out = database_page_of({logged_out});
    EXPECT_EQ(account_in(database_page_of({}, true),
                         log_of(log_page(1, 0, opencode_database({}).substr(0, 512)) + log_page(2, 3, in))),
              ActiveAccount::one)
        << "all but the first page is in the log yet";
    EXPECT_EQ(account_in(opencode_database({logged_out}), log_of(log_page(2, 3, in))), ActiveAccount::one);
    EXPECT_EQ(account_in(opencode_database({logged_out}), log_of(log_page(2, 3, out))), ActiveAccount::none);
    EXPECT_EQ(account_in(opencode_database({logged_out}), log_of(log_page(2, 3, in, "an older"))), ActiveAccount::none)
        << "of an earlier log";
}

// SQLite ends where a checksum is wrong, and then takes what was before.
TEST(OpencodeAccounts, EachVersionOfAPageCounts) {
    const std::string in = database_page_of({logged_in}), out = database_page_of({logged_out});
    EXPECT_EQ(account_in(opencode_database({logged_in}), log_of(log_page(2, 3, out))), ActiveAccount::one);
    EXPECT_EQ(account_in(opencode_database({logged_out}), log_of(log_page(2, 3, in) + log_page(2, 3, out))),
              ActiveAccount::one);
    EXPECT_EQ(account_in(opencode_database({logged_out}), log_of(log_page(2, 0, in))), ActiveAccount::one);
    const std::string no_table = std::string(database_page, '\12');
    EXPECT_EQ(account_in(opencode_database({logged_out}), log_of(log_page(2, 3, no_table))), ActiveAccount::none)
        << "it had another use";
    EXPECT_EQ(account_in(database_page_of({table_row("account_state", 2)}, true) + no_table), ActiveAccount::unknown);
}

TEST(OpencodeAccounts, WhatOpencodeDoesNotWriteIsNotTakenForNone) {
    const std::string rows = database_page_of({logged_out});
    for (const char* kind : {"trigger", "view"})
        EXPECT_EQ(account_in(database_page_of({table_row("account_state", 2), table_row("x", 0, kind)}, true) + rows),
                  ActiveAccount::unknown)
            << kind;
    EXPECT_EQ(account_in(database_page_of({table_row("account_state", 0)}, true)), ActiveAccount::unknown);
    EXPECT_EQ(account_in(database_page_of({table_row("account_state", 9)}, true)), ActiveAccount::unknown);
    for (const char* columns : {"id, active_org_id text AS ('org1')", "id, active_org_id text DEFAULT 'org1'"})
        EXPECT_EQ(account_in(database_page_of({table_row("account_state", 2, "table", columns)}, true) + rows),
                  ActiveAccount::unknown)
            << columns;
    EXPECT_EQ(account_in("no database" + std::string(500, ' ')), ActiveAccount::unknown);
    std::string wide = opencode_database({});
    wide[59] = 2;  // UTF-16
    EXPECT_EQ(account_in(wide), ActiveAccount::unknown);
    account_in(database_page_of({big_endian(1, 4) + short_number(1)}, true, 1));  // a page above itself
    for (std::size_t size = 1; size < 3 * database_page; size += 7)
        account_in(opencode_database({logged_in}).substr(0, size));
}

TEST(OpencodeAccounts, TheSessionsOwnDatabaseIsLookedAt) {
    const std::string database = opencode_database({logged_in});
    std::vector<std::string> asked;
    HomeReader reader;
    reader.parts = [&](const std::string& path) -> std::optional<FilePart> {
        asked.push_back(path);
        if (path.ends_with("-wal") || path.ends_with("-journal")) return std::nullopt;
        return part_of(database);
    };
    Plan plan;
    set_variable(plan, "HOME", "/home/agent", "");
    const Result<void> refused = refuse_active_account(plan, reader);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::config_conflict);
    const std::string usual = "/home/agent/.local/share/opencode/opencode.db";
    EXPECT_THAT(refused.error().message, HasSubstr(usual));
    EXPECT_THAT(refused.error().hint, HasSubstr("opencode console logout"));
    EXPECT_THAT(asked, ElementsAre(usual, usual + "-wal", usual + "-journal"));
    for (const auto& [name, value, path] : std::vector<std::array<std::string, 3>>{
             {"XDG_DATA_HOME", "/data", "/data/opencode/opencode.db"},
             {"OPENCODE_DB", "own.db", "/data/opencode/own.db"},
             {"OPENCODE_DB", "/elsewhere/own.db", "/elsewhere/own.db"},
         }) {
        set_variable(plan, name, value, "");
        asked.clear();
        EXPECT_FALSE(refuse_active_account(plan, reader));
        EXPECT_THAT(asked, ElementsAre(path, path + "-wal", path + "-journal"));
    }
    set_variable(plan, "OPENCODE_DB", ":memory:", "");
    EXPECT_TRUE(refuse_active_account(plan, reader));
}

// SQLite puts back what it has there.
TEST(OpencodeAccounts, AnUnfinishedTransactionIsNotTakenForNone) {
    const std::string database = opencode_database({logged_out});
    std::string journal;
    HomeReader reader;
    reader.parts = [&](const std::string& path) -> std::optional<FilePart> {
        if (path.ends_with("-wal")) return std::nullopt;
        return part_of(path.ends_with("-journal") ? journal : database);
    };
    Plan plan;
    set_variable(plan, "HOME", "/home/agent", "");
    EXPECT_TRUE(refuse_active_account(plan, reader)) << "it is empty";
    journal = "x";
    EXPECT_FALSE(refuse_active_account(plan, reader));
}

}  // namespace
}  // namespace capsule::test
