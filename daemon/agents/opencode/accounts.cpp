#include "daemon/agents/opencode/accounts.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time_limit.hpp"

namespace capsule {
namespace {

/// What is read at most. OpenCode's list of tables has six pages of 4 KiB, and its log is written back every thousand.
constexpr std::size_t most_pages = 10'000, most_log_pages = 100'000, most_bytes = 64 * 1024 * 1024;
/// Any number of a page's pointers may lead to one row, which may have as many columns as the page has bytes. The list
/// of tables has five, the account's table three.
constexpr std::size_t most_rows = 1'000'000, most_columns = 64;

/// Something is not as OpenCode's SQLite writes it.
struct Unexpected {};

std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) {
    if (at > bytes.size() || width > bytes.size() - at) throw Unexpected();
    std::uint64_t out = 0;
    for (const char byte : bytes.substr(at, width))
        out = out << 8U | static_cast<unsigned char>(byte);
    return out;
}

/// SQLite's number of one to nine bytes; `at` is behind it then.
std::uint64_t short_number(std::string_view bytes, std::size_t& at) {
    std::uint64_t out = 0;
    for (int count = 0; count < 8; ++count) {
        const std::uint64_t byte = number(bytes, at++, 1);
        out = out << 7U | (byte & 0x7FU);
        if (byte < 0x80U) return out;
    }
    return out << 8U | number(bytes, at++, 1);
}

struct Column {
    std::uint64_t type;  ///< 0: NULL
    std::size_t at;
    std::size_t size;
};

struct Row {
    std::string_view page;
    std::vector<Column> columns;

    const Column& column(std::size_t index) const {
        if (index >= columns.size()) throw Unexpected();
        return columns[index];
    }
    std::string lower_text(std::size_t index) const {
        const Column& found = column(index);
        if (found.at > page.size() || found.size > page.size() - found.at) throw Unexpected();
        std::string text(page.substr(found.at, found.size));
        std::ranges::transform(text, text.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
        return text;
    }
};

std::size_t size_of_type(std::uint64_t type) {
    constexpr std::size_t of_numbers[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    return type < std::size(of_numbers) ? of_numbers[type] : static_cast<std::size_t>((type - 12) / 2);
}

/// The row at `at`, whose values may go on elsewhere.
Row row_at(std::string_view page, std::size_t at) {
    Row row{page, {}};
    short_number(page, at);  // its length
    short_number(page, at);  // its number
    const std::size_t head = at;
    const std::uint64_t head_size = short_number(page, at);
    if (head_size > page.size()) throw Unexpected();
    std::size_t value = head + static_cast<std::size_t>(head_size);
    while (at < head + head_size) {
        if (row.columns.size() == most_columns) throw Unexpected();
        const std::uint64_t type = short_number(page, at);
        row.columns.push_back({type, value, std::min(size_of_type(type), page.size() + 1)});
        value += row.columns.back().size;
    }
    return row;
}

/// Without white space and the marks around names.
std::string without_marks(std::string text) {
    std::erase_if(text, [](char c) { return std::string_view(" \t\r\n`\"'[]").find(c) != std::string_view::npos; });
    return text;
}

class Database {
  public:
    Database(const FilePart& file, const FilePart* log) : file_(file), log_(log) {
        const std::string head = file(0, 100);
        if (!head.starts_with(std::string_view("SQLite format 3\0", 16))) throw Unexpected();
        page_size_ = static_cast<std::size_t>(number(head, 16, 2));
        if (page_size_ == 1) page_size_ = 65536;
        if (page_size_ < 512 || (page_size_ & (page_size_ - 1)) != 0) throw Unexpected();
        if (log_ != nullptr) read_log();
        constexpr std::uint64_t utf8 = 1;
        each_version(1, [](const std::string& text) {
            if (const std::uint64_t encoding = number(text, 56, 4); encoding != utf8 && encoding != 0)
                throw Unexpected();
        });
    }

    /// In every version of its pages. SQLite takes one of them; which, is not asked.
    template <typename Visit>
    void each_row(std::uint64_t root, Visit visit) {
        std::vector<std::uint64_t> left{root};
        std::set<std::uint64_t> seen;
        while (!left.empty()) {
            const std::uint64_t index = left.back();
            left.pop_back();
            if (!seen.insert(index).second) continue;
            bool is_of_a_table = false;
            each_version(index, [&](const std::string& text) {
                if (++pages_ > most_pages || left.size() > most_pages) throw Unexpected();
                const std::size_t head = index == 1 ? 100 : 0;
                const std::uint64_t kind = number(text, head, 1);
                if (kind != with_rows && kind != above_others) return;  // it had another use then
                is_of_a_table = true;
                std::size_t at = head + (kind == with_rows ? 8 : 12);
                for (std::uint64_t rest = number(text, head + 3, 2); rest > 0; --rest, at += 2) {
                    if (++rows_ > most_rows || time_is_up()) throw Unexpected();
                    const auto place = static_cast<std::size_t>(number(text, at, 2));
                    if (kind == with_rows)
                        visit(row_at(text, place));
                    else
                        left.push_back(number(text, place, 4));
                }
                if (kind == above_others) left.push_back(number(text, head + 8, 4));
            });
            if (!is_of_a_table) throw Unexpected();
        }
    }

  private:
    static constexpr std::uint64_t with_rows = 13, above_others = 5;
    static constexpr std::size_t log_head_size = 32, page_head_size = 24;

    /// One after the other: a log may have any number of them.
    template <typename Visit>
    void each_version(std::uint64_t index, Visit visit) {
        if (index == 0) throw Unexpected();
        const auto look = [&](const FilePart& from, std::uint64_t at) {
            if ((bytes_ += page_size_) > most_bytes || time_is_up()) throw Unexpected();
            if (const std::string text = from(at, page_size_); text.size() == page_size_) visit(text);
        };
        look(file_, (index - 1) * page_size_);
        const auto [begin, end] = in_log_.equal_range(index);
        for (auto logged = begin; logged != end; ++logged)
            look(*log_, logged->second);
    }

    /// What an earlier log of the same file left behind it has other salts. Checksums are not looked at.
    void read_log() {
        const std::string head = (*log_)(0, log_head_size);
        if (head.size() < log_head_size || (number(head, 0, 4) & ~std::uint64_t{1}) != 0x377F0682U) return;
        if (number(head, 8, 4) != page_size_) throw Unexpected();
        std::uint64_t at = log_head_size;
        for (std::size_t count = 0;; ++count, at += page_head_size + page_size_) {
            if (count >= most_log_pages || time_is_up()) throw Unexpected();
            const std::string page_head = (*log_)(at, page_head_size);
            if (page_head.size() < page_head_size || page_head.compare(8, 8, head, 16, 8) != 0) return;
            in_log_.emplace(number(page_head, 0, 4), at + page_head_size);
        }
    }

    const FilePart& file_;
    const FilePart* log_;
    std::size_t page_size_ = 0;
    std::size_t pages_ = 0, bytes_ = 0, rows_ = 0;
    std::multimap<std::uint64_t, std::uint64_t> in_log_;
};

ActiveAccount look_for_active_account(const FilePart& file, const FilePart* log) {
    if (file(0, 1).empty()) return ActiveAccount::none;
    Database database(file, log);
    std::set<std::uint64_t> tables;
    database.each_row(1, [&](const Row& row) {
        const std::string kind = row.lower_text(0);
        // OpenCode has none. One could be named as the table, or write to it.
        if (kind == "view" || kind == "trigger") throw Unexpected();
        // SQLite goes by the statement, whatever stands before it. It answers from an index where there is one.
        const std::string statement = row.lower_text(4);
        const bool is_the_table = kind == "table" && row.lower_text(1) == "account_state";
        for (const std::string& text : {row.lower_text(1), row.lower_text(2), statement})
            if (!is_the_table && text.find("account_state") != text.npos) throw Unexpected();
        if (!is_the_table) return;
        // Of a virtual table nothing is in the rows; a column that is computed (AS) or has a default is in none. A
        // table WITHOUT ROWID is an index.
        if (!without_marks(statement).starts_with("createtableaccount_state(")) throw Unexpected();
        for (const char* word : {"as", "default", "without"})
            if (statement.find(word) != statement.npos) throw Unexpected();
        const Column& root = row.column(3);
        tables.insert(number(row.page, root.at, root.size));
    });
    bool active = false;
    for (const std::uint64_t table : tables)
        database.each_row(table, [&](const Row& row) {
            // Whatever the order of the columns: the table's own key, a row's number, is stored as NULL.
            active = active || std::ranges::any_of(row.columns, [](const Column& each) { return each.type != 0; });
        });
    return active ? ActiveAccount::one : ActiveAccount::none;
}

std::string variable(const Plan& plan, const char* name) {
    const auto found = plan.env.find(name);
    return found == plan.env.end() ? std::string() : std::string(found->second.reveal());
}

std::string data_directory(const Plan& plan) {
    const std::string data = variable(plan, "XDG_DATA_HOME");
    return (data.empty() ? variable(plan, "HOME") + "/.local/share" : data) + "/opencode/";
}

/// As OpenCode finds it; empty: it keeps none.
std::string database_of(const Plan& plan) {
    std::string name = variable(plan, "OPENCODE_DB");
    if (name == ":memory:") return "";
    if (name.starts_with('/')) return name;
    if (name.empty()) name = "opencode.db";
    return data_directory(plan) + name;
}

/// Where the word may be anywhere, in another spelling or coding too.
bool may_name_a_server(std::string_view auth_json) {
    return auth_json.find("wellknown") != auth_json.npos || auth_json.find("\\u") != auth_json.npos ||
           auth_json.find('\0') != auth_json.npos;
}

Result<void> refuse_wellknown(const Plan& plan, const HomeReader& reader) {
    constexpr std::size_t longest = 1024 * 1024;  // bytes
    const std::string path = data_directory(plan) + "auth.json";
    const auto text = reader.text(path, longest);
    const bool unknown = !text && reader.is_unknown(path);
    if (!unknown && !(text && may_name_a_server(*text))) return {};
    return Error{ErrorCode::config_conflict,
                 path + (unknown ? " cannot be read, so it" : "") +
                     " may have a login (wellknown) whose server gives OpenCode settings, and gets the session's key",
                 unknown ? "see what keeps its user from reading it, or move it away"
                         : "run `opencode auth logout` for that server as that user, or give sessions logins of their "
                           "own: [env] XDG_DATA_HOME in capsule.toml"};
}

Result<void> refuse_active_account(const Plan& plan, const HomeReader& reader) {
    const std::string path = database_of(plan);
    auto found = ActiveAccount::none;
    // Another OpenCode may be writing to it: then what is read does not fit together, which soon is over.
    for (int attempt = 0; attempt < 10; ++attempt) {
        const auto database = path.empty() ? std::nullopt : reader.parts(path);
        if (!database) return {};
        const auto log = reader.parts(path + "-wal"), undo = reader.parts(path + "-journal");
        found =
            undo && !(*undo)(0, 1).empty() ? ActiveAccount::unknown : active_account(*database, log ? &*log : nullptr);
        if (found != ActiveAccount::unknown) break;
    }
    if (found == ActiveAccount::none) return {};
    return Error{ErrorCode::config_conflict,
                 found == ActiveAccount::one
                     ? "OpenCode's account of a console (" + path + ") has settings that outrank this session's"
                     : path +
                           " is not as OpenCode writes it, so it may have an account whose settings outrank this "
                           "session's",
                 std::string(found == ActiveAccount::one
                                 ? "run `opencode console logout` as that user while no other OpenCode runs"
                                 : "start OpenCode once by hand, and end it") +
                     ", or give sessions a database of their own: [env] OPENCODE_DB = \"capsuled.db\" in capsule.toml"};
}

}  // namespace

ActiveAccount active_account(const FilePart& database, const FilePart* log) {
    try {
        return look_for_active_account(database, log);
    } catch (const Unexpected&) {
        return ActiveAccount::unknown;
    }
}

Result<void> refuse_logins_with_settings(const Plan& plan, const HomeReader& reader) {
    if (auto refused = refuse_wellknown(plan, reader); !refused) return refused;
    return refuse_active_account(plan, reader);
}

}  // namespace capsule
