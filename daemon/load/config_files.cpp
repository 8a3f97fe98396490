// Reads the files of the configuration. parse_config() reads their texts.
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "daemon/base/directory_listing.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/load/load_config.hpp"
#include "protocol/trusted_path.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;

bool is_missing(int error) {
    return error == ENOENT || error == ENOTDIR;
}

Error unreadable(const std::string& path, int error) {
    return {ErrorCode::io_error, path + ": cannot be read: " + ::strerror(error),
            "Make it readable for the daemon's user."};
}

Error changeable(const std::string& path, const UntrustedPath& problem) {
    return {ErrorCode::config_conflict,
            path + " is not read: " + problem.component + " " + problem.why +
                (problem.error == 0 ? ", who could change it" : ""),
            problem.cure() + "."};
}

/// Whoever can change what root's configuration says gives himself every key. Where the daemon is not root the agents
/// are its own user, and a Pod's volumes are open to that user by their group or to everybody.
Result<FoundFile> open_configured(const std::string& path, mode_t kind) {
    if (::geteuid() != 0) return open_anybodys(path, kind);
    std::error_code error;
    FoundFile found = open_trusted(std::filesystem::absolute(path, error).string(), kind);
    if (found.untrusted) return changeable(path, *found.untrusted);
    return found;
}

/// Where anybody can put a role's file, anybody can make each reload fail.
Result<void> check_roles(const std::string& directory) {
    if (::geteuid() != 0) return {};
    std::error_code error;
    const auto problem = untrusted_directory(std::filesystem::absolute(directory, error).string());
    if (problem) return changeable(directory, *problem);
    return {};
}

/// None: there is no such file. A FIFO or a device is refused before anything is read of it.
Result<std::optional<std::string>> read_file(const std::string& path) {
    const Result<FoundFile> found = open_configured(path, S_IFREG);
    if (!found) return found.error();
    if (is_missing(found->error)) return std::optional<std::string>();
    if (found->error != 0) return unreadable(path, found->error);
    const UniqueFd& file = found->fd;
    const struct stat& facts = found->status;
    if (!file) return Error{ErrorCode::io_error, path + ": this is no regular file", "Put a file there, or remove it."};
    std::optional<std::string> text(std::in_place);
    // With room for one byte more, a file that is too large is told from one that just fits.
    text->resize(std::min(static_cast<std::size_t>(facts.st_size), largest_file) + 1);
    std::size_t size = 0;
    while (size < text->size()) {
        const ssize_t got = ::read(file.get(), text->data() + size, text->size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable(path, errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > largest_file)
        return Error{ErrorCode::io_error, path + ": this is larger than 1 MiB", "Is it the right file?"};
    if (size == text->size()) return read_file(path);  // it has grown since
    text->resize(size);
    return text;
}

/// The names of DIRECTORY/*.toml without the ending; what begins with '.' (editors' own files) is passed over.
Result<std::vector<std::string>> role_names(const std::string& directory) {
    std::vector<std::string> names;
    if (auto checked = check_roles(directory); !checked) return checked.error();
    auto found = open_configured(directory, S_IFDIR);
    if (!found) return found.error();
    if (found->error == 0 && !found->fd) found->error = ENOTDIR;
    // A link that leads nowhere is a mistake; what is not there is not.
    std::error_code ignored;
    const bool is_there = std::filesystem::exists(std::filesystem::symlink_status(directory, ignored));
    if (is_missing(found->error) && !is_there) return names;
    if (found->error != 0) return unreadable(directory, found->error);
    const DirectoryListing listing = list_directory(std::move(found->fd));
    if (!listing) return unreadable(directory, errno);
    constexpr std::string_view ending = ".toml";
    for (errno = 0; const dirent* entry = ::readdir(listing.get()); errno = 0) {
        std::string_view name = entry->d_name;
        if (name.starts_with('.') || !name.ends_with(ending)) continue;
        name.remove_suffix(ending.size());
        if (!is_scope_name(name))
            return Error{
                ErrorCode::config_conflict,
                directory + "/" + entry->d_name + ": " + in_quotes(name) + " cannot be a role's name",
                "Rename the file: letters, digits, '.', '_' and '-', at most 64, with a letter or digit first."};
        names.emplace_back(name);
    }
    if (errno != 0) return unreadable(directory, errno);
    return names;
}

/// "roles" beside capsule.toml.
std::string roles_directory(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + "roles";
}

Result<RoleTexts> read_roles(const std::string& directory) {
    const auto names = role_names(directory);
    if (!names) return names.error();
    RoleTexts texts;
    for (const std::string& name : *names) {
        auto file = read_file(directory + "/" + name + ".toml");
        if (!file) return file.error();
        if (*file) texts[name] = **file;
    }
    return texts;
}

}  // namespace

Config load_config(const std::optional<std::string>& path, bool must_exist, Problems& problems) {
    if (!path) return parse_config("", "capsule.toml", {}, problems);
    const auto file = read_file(*path);
    if (!file) problems.add(file.error());
    const bool is_there = file && *file;
    if (file && !*file && must_exist)
        problems.add({ErrorCode::config_conflict, *path + ": there is no such file",
                      "Create it (an empty file will do), or leave --config and CAPSULE_CONFIG out."});
    const auto roles = read_roles(roles_directory(*path));
    if (!roles) problems.add(roles.error());
    Config config = parse_config(is_there ? std::string_view(**file) : std::string_view(), *path,
                                 roles ? *roles : RoleTexts(), problems);
    if (!is_there) return config;
    config.path = *path;
    return config;
}

Result<Config> load_config(const std::optional<std::string>& path, bool must_exist) {
    Problems problems;
    Config config = load_config(path, must_exist, problems);
    if (!problems.none()) return problems.all().front();
    return config;
}

}  // namespace capsule
