#include "daemon/sessions/session_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "daemon/sessions/state_file.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace {

constexpr std::string_view suffix = ".json";
constexpr std::size_t largest_file = 64 * 1024;

Error cannot_remove(const std::string& path, int error) {
    return {ErrorCode::io_error, "cannot remove " + path + ": " + std::generic_category().message(error),
            "sessions with a token are kept there: make it writable for the daemon's user"};
}

/// Members that are null are absent ones: the strict reader takes null for no value of any type.
Result<KeptSession> read_kept(const std::string& text) {
    boost::json::error_code error;
    const boost::json::value json = boost::json::parse(text, error);
    if (error) return Error{ErrorCode::parse_error, "is no JSON", ""};
    KeptSession kept;
    if (auto done = from_json(kept, json, "session", Unknown::ignore); !done) return done.error();
    return kept;
}

}  // namespace

std::vector<KeptSession> SessionFiles::load(std::vector<std::string>& problems) const {
    std::vector<KeptSession> out;
    if (directory_.empty()) return out;
    const std::string& boot = boot_id();
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
        const std::string path = entry.path().string();
        if (!path.ends_with(suffix)) {
            // What a daemon that was killed while it wrote has left.
            if (path.ends_with(".new")) ::unlink(path.c_str());
            continue;
        }
        const auto text = read_state_file(path, largest_file);
        auto kept = text ? read_kept(*text) : Result<KeptSession>(Error{ErrorCode::io_error, "cannot be read", ""});
        if (kept && kept->boot == boot && kept->session.id + std::string(suffix) == entry.path().filename()) {
            out.push_back(*std::move(kept));
            continue;
        }
        if (!kept) problems.push_back(path + " " + kept.error().message + " and is removed");
        ::unlink(path.c_str());
    }
    return out;
}

Result<void> SessionFiles::put(const std::string& name, const std::string& text) const {
    if (directory_.empty()) return {};
    if (auto made = make_state_files(*state_); !made) return made;
    return write_state_file(directory_ + "/" + name, text);
}

Result<void> SessionFiles::keep(const SessionRecord& record, std::optional<KeptCounts> counts) const {
    const KeptSession kept{boot_id(), record, std::move(counts)};
    return put(record.id + std::string(suffix), boost::json::serialize(without_nulls(to_json(kept))));
}

Result<void> SessionFiles::forget(const std::string& id) const {
    return remove(id + std::string(suffix));
}

Result<void> SessionFiles::remove(const std::string& name) const {
    if (directory_.empty()) return {};
    const std::string path = directory_ + "/" + name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return cannot_remove(path, errno);
    return {};
}

Result<void> SessionFiles::check() const {
    constexpr std::size_t size_of_a_session = 4096;
    const std::string name = "writable";
    if (auto written = put(name, std::string(size_of_a_session, ' ')); !written) return written;
    return remove(name);
}

Result<void> SessionFiles::foresee() const {
    if (directory_.empty()) return {};
    if (auto checked = check_state_place(state_->path(), "is not used"); !checked) return checked;
    return foresee_state_files(directory_);
}

bool SessionFiles::has_granted() const {
    if (directory_.empty()) return false;
    // Where /proc does not show the machine's boot (ProcSubset=pid), both say nothing: that there is a file counts.
    const auto kept = read_state_file(directory_ + "/granted", largest_file);
    return kept && *kept == boot_id();
}

Result<void> SessionFiles::keep_that_it_granted() const {
    return put("granted", boot_id());
}

std::optional<KeptPort> SessionFiles::port() const {
    if (directory_.empty()) return std::nullopt;
    std::istringstream text(read_state_file(directory_ + "/port", largest_file).value_or(""));
    KeptPort kept;
    ProcessIdentity holder;
    std::string boot;
    if (!(text >> kept.port) || kept.port == 0) return std::nullopt;
    if (text >> holder.pid >> holder.started >> boot) {
        text >> holder.inode;  // 0: not there
        if (holder.pid > 0 && boot == boot_id()) kept.holder = holder;
    }
    if (uid_t maker = 0; text >> maker) kept.maker = maker;
    return kept;
}

Result<void> SessionFiles::keep_port(const KeptPort& kept) const {
    const ProcessIdentity holder = kept.holder.value_or(ProcessIdentity{});
    std::string text = fmt::format("{} {} {} {} {}", kept.port, holder.pid, holder.started, boot_id(), holder.inode);
    if (kept.maker) text += fmt::format(" {}", *kept.maker);
    return put("port", text + "\n");
}

}  // namespace capsule
