#include "daemon/broker/core/rewrite.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace capsule::broker {
namespace {

enum class Fate {
    credential,  ///< says who somebody is: the broker alone does, with the key
    connection,  ///< concerns the connection to the broker, or to the provider, and not the request
    ours,        ///< the broker writes it itself
    origin,      ///< says where a request came from
    another,     ///< says that the request is another one than its first line says: some servers believe it
    answer,      ///< dropped of answers alone: it would bind the agent to the provider beside the broker
};

struct Row {
    std::string_view name;  ///< in lower case; one that ends in '-' stands for all that begin so
    Fate fate;
};

/// Everything that is not here passes as it came.
constexpr std::array table{
    Row{"authorization", Fate::credential},
    Row{"proxy-authorization", Fate::credential},
    Row{"x-api-key", Fate::credential},
    Row{"api-key", Fate::credential},
    Row{"x-goog-api-key", Fate::credential},
    Row{"x-auth-token", Fate::credential},
    Row{"x-access-token", Fate::credential},
    Row{"x-authorization", Fate::credential},
    Row{"x-authenticated-", Fate::credential},
    Row{"x-amz-security-token", Fate::credential},
    Row{"apikey", Fate::credential},
    Row{"ocp-apim-subscription-key", Fate::credential},
    Row{"remote-user", Fate::credential},
    Row{"x-remote-", Fate::credential},
    Row{"client-cert", Fate::credential},
    Row{"x-client-cert", Fate::credential},
    Row{"x-ssl-", Fate::credential},
    Row{"cookie", Fate::credential},
    Row{"cookie2", Fate::credential},
    Row{"connection", Fate::connection},
    Row{"keep-alive", Fate::connection},
    Row{"proxy-connection", Fate::connection},
    Row{"proxy-authenticate", Fate::connection},
    Row{"te", Fate::connection},
    Row{"trailer", Fate::connection},
    Row{"upgrade", Fate::connection},
    Row{"expect", Fate::connection},
    Row{"http2-settings", Fate::connection},
    Row{"host", Fate::ours},
    Row{"content-length", Fate::ours},
    Row{"transfer-encoding", Fate::ours},
    Row{"accept-encoding", Fate::ours},
    Row{"accept-charset", Fate::ours},
    Row{"range", Fate::ours},
    Row{"forwarded", Fate::origin},
    Row{"x-forwarded", Fate::origin},
    Row{"x-forwarded-", Fate::origin},
    Row{"x-real-", Fate::origin},
    Row{"client-ip", Fate::origin},
    Row{"x-client-ip", Fate::origin},
    Row{"x-cluster-client-ip", Fate::origin},
    Row{"x-azure-clientip", Fate::origin},
    Row{"fastly-client-ip", Fate::origin},
    Row{"true-client-ip", Fate::origin},
    Row{"cf-connecting-", Fate::origin},
    Row{"via", Fate::origin},
    Row{"x-host", Fate::another},
    Row{"x-envoy-", Fate::another},
    Row{"x-original-", Fate::another},
    Row{"x-rewrite-", Fate::another},
    Row{"x-http-", Fate::another},
    Row{"x-override-", Fate::another},
    Row{"x-proxy-", Fate::another},
    Row{"destination", Fate::another},
    Row{"x-method", Fate::another},
    Row{"x-method-override", Fate::another},
    Row{"set-cookie", Fate::answer},
    Row{"set-cookie2", Fate::answer},
    Row{"alt-svc", Fate::answer},
};

/// Which rows begin with that letter: a bit for each.
using Rows = std::uint64_t;
static_assert(table.size() <= 64);

constexpr auto rows_by_letter = [] {
    std::array<Rows, 26> out{};
    for (std::size_t i = 0; i < table.size(); ++i)
        out[static_cast<std::size_t>(table[i].name[0] - 'a')] |= Rows{1} << i;
    return out;
}();

std::optional<Fate> fate_of(std::string_view name) {
    // "X_Api_Key": some servers take the two for one.
    if (name.find('_') != std::string_view::npos) {
        std::string other(name);
        std::ranges::replace(other, '_', '-');
        return fate_of(other);
    }
    const auto letter = static_cast<std::size_t>((name.empty() ? 0 : name[0] | 0x20) - 'a');
    for (Rows rows = letter < 26 ? rows_by_letter[letter] : 0; rows != 0; rows &= rows - 1) {
        const Row& row = table[static_cast<std::size_t>(std::countr_zero(rows))];
        const bool family = row.name.ends_with('-');
        if (same_name(family ? name.substr(0, row.name.size()) : name, row.name)) return row.fate;
    }
    return std::nullopt;
}

bool passes_to_provider(std::string_view name) {
    const auto fate = fate_of(name);
    return !fate || *fate == Fate::answer;
}

bool passes_to_agent(std::string_view name) {
    const auto fate = fate_of(name);
    return !fate || *fate == Fate::credential || *fate == Fate::origin || *fate == Fate::another;
}

/// The headers that the Connection headers name: they concern that connection alone.
class ConnectionNames {
  public:
    explicit ConnectionNames(const std::vector<Field>& fields) {
        for (const Field& each : fields)
            if (same_name(each.name, "connection"))
                for_each_connection_name(each.value, [&](std::string_view name) {
                    if (size_ < names_.size()) names_[size_++] = name;
                });
    }
    bool have(std::string_view name) const noexcept {
        return std::any_of(names_.begin(), names_.begin() + size_,
                           [&](std::string_view each) { return same_name(each, name); });
    }

  private:
    std::array<std::string_view, most_connection_names> names_;  // the reader of heads has refused more
    std::size_t size_ = 0;
};

void add(std::string& out, std::string_view name, std::string_view value) {
    // At once: a head has many.
    std::size_t at = out.size();
    out.resize(at + name.size() + value.size() + 4);
    const auto put = [&](std::string_view text) {
        std::memcpy(out.data() + at, text.data(), text.size());
        at += text.size();
    };
    put(name);
    put(": ");
    put(value);
    put("\r\n");
}

void add_body_length(std::string& out, const BodyLength& body) {
    if (body.kind == BodyLength::Kind::length) add(out, "Content-Length", std::to_string(body.bytes));
    if (body.kind == BodyLength::Kind::chunked) add(out, "Transfer-Encoding", "chunked");
}

}  // namespace

Credentials credentials_of(const RequestHead& head) {
    Credentials out;
    constexpr std::string_view scheme = "bearer ";
    std::string_view value = field(head.fields, "authorization");
    if (value.size() > scheme.size() && same_name(value.substr(0, scheme.size()), scheme)) {
        value.remove_prefix(scheme.size());
        while (value.starts_with(' '))
            value.remove_prefix(1);
        out.push_back({Credential::Place::bearer, value});
    }
    if (const std::string_view key = field(head.fields, "x-api-key"); !key.empty())
        out.push_back({Credential::Place::api_key, key});
    return out;
}

bool has_credential(const RequestHead& head) {
    return std::ranges::any_of(head.fields, [](const Field& each) { return fate_of(each.name) == Fate::credential; });
}

std::string request_for_provider(const RequestHead& head, const Credential& used, std::string_view key,
                                 const BaseUrl& base) {
    std::string out;
    std::size_t size = head.method.size() + head.target.size() + base.authority.size() + key.size() + 128;
    for (const Field& each : head.fields)
        size += each.name.size() + each.value.size() + 4;
    out.reserve(size);  // once: no half-written copy of the key is left behind
    out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
    add(out, "Host", base.authority);
    const ConnectionNames of_the_connection(head.fields);
    for (const Field& each : head.fields) {
        if (used.place == Credential::Place::bearer && same_name(each.name, "authorization"))
            out.append(each.name).append(": Bearer ").append(key).append("\r\n");
        else if (used.place == Credential::Place::api_key && same_name(each.name, "x-api-key"))
            add(out, each.name, key);
        else if (passes_to_provider(each.name) && !of_the_connection.have(each.name) &&
                 each.value.find(used.token) == std::string_view::npos)
            add(out, each.name, each.value);
    }
    // What is compressed can neither be counted nor looked through for the key.
    if (!field(head.fields, "accept-encoding").empty()) add(out, "Accept-Encoding", "identity");
    // A POST without a body says so: some servers want to be told.
    const bool empty = head.body.kind == BodyLength::Kind::none;
    if (empty && !field(head.fields, "content-length").empty()) add(out, "Content-Length", "0");
    add_body_length(out, head.body);
    out.append("\r\n");
    return out;
}

std::string response_for_agent(const ResponseHead& head, bool close, std::string_view secret) {
    std::string out = "HTTP/1.1 " + std::to_string(head.status) + " ";
    out.reserve(1024);
    out.append(head.reason).append("\r\n");
    const ConnectionNames of_the_connection(head.fields);
    for (const Field& each : head.fields)
        if (passes_to_agent(each.name) && !of_the_connection.have(each.name)) add(out, each.name, each.value);
    if (head.body.kind == BodyLength::Kind::none) {
        // Of an answer to HEAD it is the length that a GET would have.
        if (const std::string_view length = field(head.fields, "content-length"); !length.empty() && head.status != 204)
            add(out, "Content-Length", length);
    }
    add_body_length(out, head.body);
    if (close) add(out, "Connection", "close");
    out.append("\r\n");
    if (!secret.empty())
        for (std::size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + secret.size()))
            std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at), secret.size(), '*');
    return out;
}

}  // namespace capsule::broker
