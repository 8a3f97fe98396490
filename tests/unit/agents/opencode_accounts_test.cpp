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
             {"acc1", std::nullopt},
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

// As many as a log has room for would fill the daemon's memory.
TEST(OpencodeAccounts, VersionsOfAPageAreReadOneByOneAndNotWithoutEnd) {
    constexpr std::size_t page_size = 4096, pages = 20'000;
    std::string page = opencode_database({logged_out}).substr(0, database_page);
    page.replace(16, 2, big_endian(page_size, 2));
    page.resize(page_size);
    std::string head = log_of("");
    head.replace(8, 4, big_endian(page_size, 4));
    const std::string logged = log_page(1, 0, page);
    std::size_t most = 0, read = 0;
    const FilePart log = [&](std::uint64_t offset, std::size_t count) {
        most = std::max(most, count);
        read += count;
        if (offset < head.size()) return head.substr(static_cast<std::size_t>(offset), count);
        const std::uint64_t at = offset - head.size();
        if (at >= pages * logged.size()) return std::string();
        return logged.substr(static_cast<std::size_t>(at % logged.size()), count);
    };
    const FilePart file = part_of(page);
    EXPECT_EQ(active_account(file, &log), ActiveAccount::unknown);
    EXPECT_LE(most, page_size);
    EXPECT_LE(read, pages * 24 + 65 * 1024 * 1024) << "it goes on to the end";
}

TEST(OpencodeAccounts, WhatOpencodeDoesNotWriteIsNotTakenForNone) {
    const std::string rows = database_page_of({logged_out});
    for (const char* kind : {"trigger", "view"})
        EXPECT_EQ(account_in(database_page_of({table_row("account_state", 2), table_row("x", 0, kind)}, true) + rows),
                  ActiveAccount::unknown)
            << kind;
    EXPECT_EQ(account_in(database_page_of({table_row("account_state", 0)}, true)), ActiveAccount::unknown);
    EXPECT_EQ(account_in(database_page_of({table_row("account_state", 9)}, true)), ActiveAccount::unknown);
    for (const char* columns : {"id, active_org_id text AS ('org1')", "id, active_org_id text DEFAULT 'org1'",
                                "id integer primary key not null, active_org_id text) WITHOUT ROWID --"})
        EXPECT_EQ(account_in(database_page_of({table_row("account_state", 2, "table", columns)}, true) + rows),
                  ActiveAccount::unknown)
            << columns;
    const std::string seen_elsewhere = database_row(
        {"table", "account_state", "account_state", "\x02", "CREATE VIRTUAL TABLE account_state USING fts4(x)"}, 3);
    EXPECT_EQ(account_in(database_page_of({seen_elsewhere}, true) + rows), ActiveAccount::unknown);
    const std::string wide_row = database_row(std::vector<std::optional<std::string>>(100));
    EXPECT_EQ(account_in(opencode_database({wide_row})), ActiveAccount::unknown)
        << "it would take long to look at many";
    // SQLite answers from an index, and goes by the statement alone.
    for (const char* name : {"account_state_ids", "ids"})
        EXPECT_EQ(
            account_in(database_page_of(
                           {table_row("account_state", 2), table_row(name, 3, "index", "x ON account_state(x")}, true) +
                       rows + rows),
            ActiveAccount::unknown)
            << name;
    EXPECT_EQ(account_in(database_page_of({table_row("account_state", 2, "x")}, true) + rows), ActiveAccount::unknown);
    EXPECT_EQ(account_in("no database" + std::string(500, ' ')), ActiveAccount::unknown);
    std::string wide = opencode_database({});
    wide[59] = 2;  // UTF-16
    EXPECT_EQ(account_in(wide), ActiveAccount::unknown);
    account_in(database_page_of({big_endian(1, 4) + short_number(1)}, true, 1));  // a page above itself
    for (std::size_t size = 1; size < 3 * database_page; size += 7)
        account_in(opencode_database({logged_in}).substr(0, size));
}

/// There is no auth.json.
HomeReader without_logins() {
    HomeReader reader;
    reader.text = [](const std::string&, std::size_t) { return std::optional<std::string>(); };
    return reader;
}

TEST(OpencodeAccounts, TheSessionsOwnDatabaseIsLookedAt) {
    const std::string database = opencode_database({logged_in});
    std::vector<std::string> asked;
    HomeReader reader = without_logins();
    reader.parts = [&](const std::string& path) -> std::optional<FilePart> {
        asked.push_back(path);
        if (path.ends_with("-wal") || path.ends_with("-journal")) return std::nullopt;
        return part_of(database);
    };
    Plan plan;
    set_variable(plan, "HOME", "/home/agent", "");
    const Result<void> refused = refuse_logins_with_settings(plan, reader);
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
        EXPECT_FALSE(refuse_logins_with_settings(plan, reader));
        EXPECT_THAT(asked, ElementsAre(path, path + "-wal", path + "-journal"));
    }
    set_variable(plan, "OPENCODE_DB", ":memory:", "");
    EXPECT_TRUE(refuse_logins_with_settings(plan, reader));
}

// SQLite puts back what it has there.
TEST(OpencodeAccounts, AnUnfinishedTransactionIsNotTakenForNone) {
    const std::string database = opencode_database({logged_out});
    std::string journal;
    HomeReader reader = without_logins();
    reader.parts = [&](const std::string& path) -> std::optional<FilePart> {
        if (path.ends_with("-wal")) return std::nullopt;
        return part_of(path.ends_with("-journal") ? journal : database);
    };
    Plan plan;
    set_variable(plan, "HOME", "/home/agent", "");
    EXPECT_TRUE(refuse_logins_with_settings(plan, reader)) << "it is empty";
    journal = "x";
    EXPECT_FALSE(refuse_logins_with_settings(plan, reader));
}

// Its server's settings say where the session's key goes: {env:ZAI_API_KEY}.
TEST(OpencodeAccounts, ALoginThatBringsAServersSettingsIsRefused) {
    using namespace std::string_literals;
    HomeReader reader = without_logins();
    Plan plan;
    set_variable(plan, "HOME", "/home/agent", "");
    for (const auto& [text, refused] : std::vector<std::pair<std::string, bool>>{
             {"", false},
             {"no JSON", false},
             {R"({"anthropic": {"type": "api", "key": "FAKE"}})", false},
             {R"({"https://evil.example": {"type": "wellknown", "key": "K", "token": "FAKE"}})", true},
             {R"({"https://evil.example": {"type": "well\u006bnown", "key": "K", "token": "FAKE"}})", true},
             {"\xFF\xFEw\0e\0l\0l\0"s, true},
         }) {
        reader.text = [text = text](const std::string& path, std::size_t) {
            EXPECT_EQ(path, "/home/agent/.local/share/opencode/auth.json");
            return std::optional(text);
        };
        const Result<void> done = refuse_logins_with_settings(plan, reader);
        EXPECT_EQ(!done, refused) << text;
        if (done) continue;
        EXPECT_EQ(done.error().code, ErrorCode::config_conflict);
        EXPECT_THAT(done.error().hint, HasSubstr("opencode auth logout"));
        EXPECT_EQ((done.error().message + done.error().hint).find("FAKE"), std::string::npos);
    }
    set_variable(plan, "XDG_DATA_HOME", "/data", "");
    reader = without_logins();
    EXPECT_TRUE(refuse_logins_with_settings(plan, reader));
    reader.is_unknown = [](const std::string& path) { return path == "/data/opencode/auth.json"; };
    EXPECT_FALSE(refuse_logins_with_settings(plan, reader)) << "it cannot be read";
}

}  // namespace
}  // namespace capsule::test
