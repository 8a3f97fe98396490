// Databases as OpenCode's SQLite writes them, of small pages: a list of tables, one table, what is in the log beside
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::test {

inline constexpr std::size_t database_page = 512;

inline std::string big_endian(std::uint64_t number, std::size_t width) {
    std::string out(width, '\0');
    for (std::size_t at = width; at-- > 0; number >>= 8U)
        out[at] = static_cast<char>(number & 0xFFU);
    return out;
}

/// As SQLite writes a number below 2^14.
inline std::string short_number(std::size_t number) {
    if (number < 128) return big_endian(number, 1);
    return big_endian(number >> 7U | 0x80U, 1) + big_endian(number & 0x7FU, 1);
}

/// A row; none: NULL. Numbers are texts of one byte here where `numbers` says so by their index.
inline std::string database_row(const std::vector<std::optional<std::string>>& columns,
                                std::size_t number_column = 99) {
    std::string types, values;
    for (std::size_t index = 0; index < columns.size(); ++index) {
        const auto& value = columns[index];
        types += !value ? short_number(0) : short_number(index == number_column ? 1 : 13 + 2 * value->size());
        values += value.value_or("");
    }
    const std::string record = short_number(types.size() + 1) + types + values;
    return short_number(record.size()) + short_number(1) + record;
}

/// A page of rows, or of `above_others` cells (kind 5), the last of which is its right-most page.
inline std::string database_page_of(const std::vector<std::string>& cells, bool is_first = false,
                                    std::uint64_t above_others = 0) {
    std::string page = is_first ? std::string("SQLite format 3\0", 16) + big_endian(database_page, 2) : std::string();
    if (is_first) page.resize(100, '\0'), page[59] = 1;  // UTF-8
    page +=
        big_endian(above_others != 0 ? 5 : 13, 1) + big_endian(0, 2) + big_endian(cells.size(), 2) + big_endian(0, 3);
    if (above_others != 0) page += big_endian(above_others, 4);
    std::string content;
    for (const std::string& cell : cells) {
        content.insert(0, cell);
        page += big_endian(database_page - content.size(), 2);
    }
    page.resize(database_page - content.size(), '\0');
    return page + content;
}

/// A row of the list of tables.
inline std::string table_row(const std::string& name, char page, const std::string& kind = "table",
                             const std::string& columns = "…") {
    return database_row({kind, name, name, std::string(1, page), "CREATE TABLE `" + name + "` (" + columns + ")"}, 3);
}

/// A page in the log; `pages`: of the whole database, where it ends a transaction, else 0.
inline std::string log_page(std::uint32_t index, std::uint32_t pages, const std::string& page,
                            const std::string& salt = "saltsalt") {
    return big_endian(index, 4) + big_endian(pages, 4) + salt + big_endian(0, 8) + page;
}

inline std::string log_of(const std::string& pages) {
    return big_endian(0x377F0682U, 4) + big_endian(3007000, 4) + big_endian(database_page, 4) + big_endian(0, 4) +
           "saltsalt" + big_endian(0, 8) + pages;
}

inline const std::string logged_out = database_row({std::nullopt, std::nullopt, std::nullopt});
inline const std::string logged_in = database_row({std::nullopt, "acc1", "org1"});

/// With these rows of accounts' state.
inline std::string opencode_database(const std::vector<std::string>& states) {
    return database_page_of({table_row("session", 3), table_row("account_state", 2)}, true) + database_page_of(states) +
           database_page_of({});
}

}  // namespace capsule::test
