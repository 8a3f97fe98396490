#include "daemon/server/answer_memory.hpp"

#include <string.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "daemon/log/log.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

constexpr std::size_t most_bytes = 2 * 1024 * 1024;  ///< of answers and their requests
constexpr std::size_t longest_line = 16 * 1024;
constexpr int patience = 8;  ///< events between two requests that concern no answer, before all are forgotten

struct Id {
    std::size_t begin = 0;
    std::size_t end = 0;
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Where the first thing in a request's text is that could be its id: a whole number, or a string of letters, digits,
/// '-', '_' and '.'. Whether it is, is known of the texts that are remembered.
std::optional<Id> find_id(std::string_view line) {
    constexpr std::string_view name = R"("id":)";
    const void* const found = ::memmem(line.data(), line.size(), name.data(), name.size());
    if (found == nullptr) return std::nullopt;
    const std::size_t begin = static_cast<std::size_t>(static_cast<const char*>(found) - line.data()) + name.size();
    Id id{begin, begin};
    if (id.end < line.size() && line[id.end] == '"') {
        const auto may_be_in = [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
        };
        do
            ++id.end;
        while (id.end < line.size() && may_be_in(line[id.end]));
        if (id.end == line.size() || line[id.end] != '"') return std::nullopt;
        ++id.end;
    } else {
        while (id.end < line.size() && is_digit(line[id.end]))
            ++id.end;
        const std::size_t digits = id.end - id.begin;
        if (digits == 0 || (digits > 1 && line[id.begin] == '0')) return std::nullopt;
    }
    if (id.end == line.size() || (line[id.end] != ',' && line[id.end] != '}')) return std::nullopt;
    return id;
}

/// Whether what find_id() found is the request's id, and would be with any other id in its place: without backslashes a
/// quote is a string's end, so that the one "id" of the text is the name of the member that was read as the id.
bool is_certain(std::string_view line, Id found, const RequestId& id) {
    constexpr std::string_view name = R"("id")";
    return line.find('\\') == line.npos && line.find(name) == line.rfind(name) &&
           line.substr(found.begin, found.end - found.begin) == id.json;
}

/// A request's text without its id. What stands in the id's place can be nowhere in a line.
void make_key(std::string& key, std::string_view line, Id id) {
    key.assign(line.substr(0, id.begin)).push_back('\n');
    key.append(line.substr(id.end));
}

}  // namespace

AnswerMemory::AnswerMemory(asio::any_io_executor executor, Services& services)
    : services_(services), first_(std::move(executor), Clock::time_point::max()) {
    services_.changes.on_change([this] { forget(); });
}

AnswerMemory::~AnswerMemory() {
    services_.changes.on_change({});
}

bool AnswerMemory::answer(std::string_view line, const Peer& peer, Clock::time_point received, Output& out) {
    if (line.size() > longest_line || services_.changes.revision() != revision_ || entries_.empty()) return false;
    const auto id = find_id(line);
    if (!id) return false;
    make_key(key_, line, *id);
    const auto found = entries_.find(std::string_view(key_));
    ::explicit_bzero(key_.data(), key_.size());
    if (found == entries_.end()) return false;
    const Entry& entry = found->second;
    // Who may not is refused where that is logged.
    if (!services_.generation->policy.allows(entry.tier, peer)) return false;
    ++services_.requests;
    ++services_.remembered;
    constexpr std::string_view start = R"({"jsonrpc":"2.0","id":)";
    constexpr std::string_view middle = R"(,"result":)";
    out.append(start);
    out.append(line.substr(id->begin, id->end - id->begin));
    out.append(middle);
    if (entry.counters) entry.counters->write(services_, [&](std::string_view part) { out.append(part); });
    out.share(entry.result);
    if (!entry.log_fields.empty()) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - received);
        log_spawn({peer.uid, peer.pid}, took.count(), entry.log_fields);
    }
    return true;
}

void AnswerMemory::remember(std::string_view line, const RequestId& id, const MethodInfo& method, std::string result,
                            Lasting lasting) {
    // What changed while it was worked out, by whomever, may or may not be in it.
    services_.changes.look_again();
    if (services_.changes.revision() != lasting.revision || line.size() > longest_line) return;
    const auto found = find_id(line);
    if (!found || !is_certain(line, *found, id)) return;
    const std::size_t bytes = line.size() + result.size();
    if (revision_ != lasting.revision || bytes_ + bytes > most_bytes) forget();
    revision_ = lasting.revision;
    if (entries_.empty()) first_.cancel();
    std::string key;
    make_key(key, line, *found);
    std::optional<StatusCounters> counters;
    if (lasting.counters) counters.emplace(std::exchange(result, {}));
    result += "}\n";
    Entry entry{method.tier, std::make_shared<const std::string>(std::move(result)), std::move(lasting.log_fields),
                std::move(counters)};
    if (entries_.insert_or_assign(std::move(key), std::move(entry)).second) bytes_ += bytes;
}

void AnswerMemory::forget() {
    entries_.clear();
    bytes_ = 0;
}

asio::awaitable<void> AnswerMemory::forget_in_time() {
    if (services_.changes.descriptor() < 0) co_return;
    asio::posix::stream_descriptor changed(first_.get_executor());
    /// Asio's while something is remembered: whatever it knows of wakes it.
    struct Lent {
        asio::posix::stream_descriptor& to;
        ~Lent() { to.release(); }
    };
    for (;;) {
        boost::system::error_code cancelled;
        while (entries_.empty())
            co_await first_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        changed.assign(services_.changes.descriptor());
        const Lent lent{changed};
        std::uint64_t requests = services_.requests;
        for (int in_vain = 0; !entries_.empty();) {
            co_await changed.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
            services_.changes.look_again();
            if (services_.changes.revision() != revision_) forget();
            // Something beside it that changes all the time is no reason to stay awake.
            if (std::exchange(requests, services_.requests) != services_.requests) in_vain = 0;
            if (++in_vain >= patience) forget();
        }
    }
}

}  // namespace capsule
