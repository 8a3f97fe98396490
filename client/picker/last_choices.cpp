#include "client/picker/last_choices.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_file = 1024 * 1024;

/// "" for what is no small regular file.
std::string content_of(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat facts {};
    if (file.get() < 0 || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
    std::string text;
    std::array<char, 8192> block;
    for (;;) {
        const ssize_t count = ::read(file.get(), block.data(), block.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 || text.size() > longest_file) return {};
        if (count == 0) return text;
        text.append(block.data(), static_cast<std::size_t>(count));
    }
}

std::string member(const json::object& object, json::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Error cannot_write(const std::string& path, int number) {
    return {ErrorCode::io_error, "cannot write " + path + ": " + std::generic_category().message(number),
            "is its directory writable?"};
}

/// True, or false with errno.
bool write_whole(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::fsync(descriptor) == 0;
}

void make_directories(const std::filesystem::path& path) {
    if (path.empty() || ::access(path.c_str(), F_OK) == 0) return;
    make_directories(path.parent_path());
    ::mkdir(path.c_str(), 0700);  // a failure shows when the file is written
}

}  // namespace

LastChoices LastChoices::load(const std::string& path) {
    LastChoices out;
    boost::system::error_code error;
    const json::value document = json::parse(content_of(path), error);
    const json::object* object = error ? nullptr : document.if_object();
    const json::value* list = object != nullptr ? object->if_contains("choices") : nullptr;
    if (list == nullptr || !list->is_array()) return out;
    for (const json::value& entry : list->get_array()) {
        if (!entry.is_object() || out.choices_.size() == most) continue;
        const json::object& fields = entry.get_object();
        LastChoice choice{member(fields, "directory"), member(fields, "agent"), member(fields, "provider")};
        if (!choice.directory.empty() && !choice.agent.empty()) out.choices_.push_back(std::move(choice));
    }
    return out;
}

std::optional<std::string> LastChoices::agent(std::string_view directory) const {
    for (const LastChoice& choice : choices_)
        if (choice.directory == directory) return choice.agent;
    return std::nullopt;
}

std::optional<std::string> LastChoices::provider(std::string_view agent, std::string_view directory) const {
    for (const LastChoice& choice : choices_)
        if (choice.directory == directory && choice.agent == agent) return choice.provider;
    return std::nullopt;
}

void LastChoices::remember(LastChoice choice) {
    std::erase_if(choices_, [&](const LastChoice& each) {
        return each.directory == choice.directory && each.agent == choice.agent;
    });
    choices_.insert(choices_.begin(), std::move(choice));
    if (choices_.size() > most) choices_.resize(most);
}

Result<void> LastChoices::save(const std::string& path) const {
    json::array list;
    for (const LastChoice& choice : choices_)
        list.push_back({{"directory", choice.directory}, {"agent", choice.agent}, {"provider", choice.provider}});
    const std::string text = json::serialize(json::object{{"choices", std::move(list)}}) + "\n";

    make_directories(std::filesystem::path(path).parent_path());
    std::string beside = path + ".XXXXXX";
    const UniqueFd file(::mkostemp(beside.data(), O_CLOEXEC));  // made 0600
    if (file.get() < 0) return cannot_write(path, errno);
    if (write_whole(file.get(), text) && std::rename(beside.c_str(), path.c_str()) == 0) return {};
    const int number = errno;
    ::unlink(beside.c_str());
    return cannot_write(path, number);
}

}  // namespace capsule
