#include "daemon/sessions/session_files.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "protocol/json_struct.hpp"

namespace capsule {
namespace {

/// One file's content.
struct KeptSession {
    std::string boot;  ///< boot_id() when it was written
    SessionRecord session;
};
BOOST_DESCRIBE_STRUCT(KeptSession, (), (boot, session))

constexpr std::string_view suffix = ".json";
constexpr std::size_t largest_file = 16 * 1024;

Error cannot(const char* what, const std::string& path, int error) {
    return {ErrorCode::io_error,
            std::string("cannot ") + what + " " + path + ": " + std::generic_category().message(error),
            "sessions with a token are kept there, so that the daemon can be started anew: make it writable for the "
            "daemon's user, or free the disk"};
}

std::optional<std::string> small_file(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) return std::nullopt;
    std::string text(largest_file, '\0');
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0 || static_cast<std::size_t>(size) == text.size()) return std::nullopt;
    text.resize(static_cast<std::size_t>(size));
    return text;
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

std::vector<SessionRecord> SessionFiles::load(std::vector<std::string>& problems) const {
    std::vector<SessionRecord> out;
    if (directory_.empty()) return out;
    const std::string boot = boot_id();
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
        const std::string path = entry.path().string();
        if (!path.ends_with(suffix)) {
            // What a daemon that was killed while it wrote has left.
            if (path.ends_with(".new")) ::unlink(path.c_str());
            continue;
        }
        const auto text = small_file(path);
        auto kept = text ? read_kept(*text) : Result<KeptSession>(Error{ErrorCode::io_error, "cannot be read", ""});
        if (kept && kept->boot == boot && kept->session.id + std::string(suffix) == entry.path().filename()) {
            out.push_back(std::move(kept->session));
            continue;
        }
        if (!kept) problems.push_back(path + " " + kept.error().message + " and is removed");
        ::unlink(path.c_str());
    }
    return out;
}

Result<void> SessionFiles::put(const std::string& name, const std::string& text) const {
    if (directory_.empty()) return {};
    if (auto made = state_->make(); !made) return made;
    if (::mkdir(directory_.c_str(), S_IRWXU) != 0 && errno != EEXIST) return cannot("make", directory_, errno);
    const std::string path = directory_ + "/" + name;
    const std::string temporary = path + ".new";
    const UniqueFd file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file) return cannot("write", temporary, errno);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written == static_cast<ssize_t>(text.size()) && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
    const int error = written >= 0 && written < static_cast<ssize_t>(text.size()) ? ENOSPC : errno;
    ::unlink(temporary.c_str());
    return cannot("write", path, error);
}

Result<void> SessionFiles::keep(const SessionRecord& record) const {
    return put(record.id + std::string(suffix), boost::json::serialize(to_json(KeptSession{boot_id(), record})));
}

Result<void> SessionFiles::forget(const std::string& id) const {
    if (directory_.empty()) return {};
    const std::string path = directory_ + "/" + id + std::string(suffix);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return cannot("remove", path, errno);
    return {};
}

std::optional<std::uint16_t> SessionFiles::port() const {
    if (directory_.empty()) return std::nullopt;
    const auto text = small_file(directory_ + "/port");
    std::uint16_t port = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), port).ec != std::errc() || port == 0)
        return std::nullopt;
    return port;
}

Result<void> SessionFiles::keep_port(std::uint16_t port) const {
    return put("port", std::to_string(port) + "\n");
}

}  // namespace capsule
