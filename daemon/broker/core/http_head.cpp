#include "daemon/broker/core/http_head.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstring>

#include "daemon/broker/core/blocks.hpp"

namespace capsule::broker {
namespace {

namespace http = boost::beast::http;

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// The same of eight at once: the names of a head are compared with many. A sum of seven bits sets the eighth.
std::uint64_t lower_eight(const char* text) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101, eighth = 0x80 * each;
    std::uint64_t out = 0;
    std::memcpy(&out, text, sizeof out);
    const std::uint64_t low = out & ~eighth;
    const std::uint64_t from_a = low + (0x80 - 'A') * each, behind_z = low + (0x7f - 'Z') * each;
    return out | ((from_a & ~behind_z & ~out & eighth) >> 2);  // 0x80 becomes 0x20
}

/// Beast's parser with the fields as views into the bytes: no copy, no allocation of its own.
template <bool is_request>
class Parser : public http::basic_parser<is_request> {
  public:
    using string_view = boost::beast::string_view;
    std::string_view method, target, reason;
    int status = 0, version = 0;
    std::vector<Field> fields;

  private:
    using code = boost::beast::error_code;
    static std::string_view view(string_view text) { return {text.data(), text.size()}; }

    void on_request_impl(http::verb, string_view name, string_view path, int v, code&) override {
        method = view(name);
        target = view(path);
        version = v;
    }
    void on_response_impl(int s, string_view text, int v, code&) override {
        status = s;
        reason = view(text);
        version = v;
    }
    void on_field_impl(http::field, string_view name, string_view value, code&) override {
        fields.push_back({view(name), view(value)});
    }
    void on_header_impl(code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, code&) override {}
    std::size_t on_body_impl(string_view body, code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, string_view, code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, code&) override { return body.size(); }
    void on_finish_impl(code&) override {}
};

/// Without a branch for each byte: every head is looked through.
bool has_control(std::string_view line) noexcept {
    unsigned found = 0;
    for (const char c : line)
        found |= (unsigned{static_cast<unsigned char>(c) < 0x20} & unsigned{c != '\t'}) | unsigned{c == 0x7f};
    return found != 0;
}

/// Whether no line has a control character: none anywhere but tabs and line ends, and no CR without its LF. Sixteen
/// places at once.
bool is_clean(std::string_view head) noexcept {
    std::size_t at = 0;
    for (; at + sizeof(Block) < head.size(); at += sizeof(Block)) {
        const Block here = block_at(head.data() + at), next = block_at(head.data() + at + 1);
        const auto odd = ((here < sixteen(0x20)) & (here != sixteen('\t')) & (here != sixteen('\n')) &
                          ((here != sixteen('\r')) | (next != sixteen('\n')))) |
                         (here == sixteen(0x7f));
        if (any_of(odd)) return false;
    }
    for (; at < head.size(); ++at) {
        const bool ends_line = head[at] == '\n' || (head[at] == '\r' && head.substr(at + 1).starts_with('\n'));
        if (!ends_line && has_control(head.substr(at, 1))) return false;
    }
    return true;
}

std::string_view which_control(std::string_view line) noexcept {
    const char first = *std::ranges::find_if(line, [](char c) { return has_control({&c, 1}); });
    return first == '\0'   ? "a NUL byte in the head"
           : first == '\r' ? "a bare CR in the head"
                           : "a control character in the head";
}

/// The bytes are handed over line by line: with "\r\n" alone at each end, nothing folded, no control characters.
std::optional<std::string_view> wrong_in(std::string_view head) {
    const bool clean = is_clean(head);
    bool first = true;
    while (!head.empty()) {
        const std::size_t end = head.find('\n');
        if (end == std::string_view::npos || end == 0 || head[end - 1] != '\r') return "a line does not end with CR LF";
        const std::string_view line = head.substr(0, end - 1);
        head.remove_prefix(end + 1);
        if (!clean && has_control(line)) return which_control(line);
        if (line.empty()) return head.empty() ? std::nullopt : std::optional<std::string_view>("bytes after the head");
        if (line.front() == ' ' || line.front() == '\t') return "a folded line or a space at a line's begin";
        if (!first) {
            const std::size_t colon = line.find(':');
            if (colon == std::string_view::npos || colon == 0) return "a header without a name or a colon";
            if (line[colon - 1] == ' ' || line[colon - 1] == '\t') return "white space before a header's colon";
        }
        first = false;
    }
    return "a head without its end";
}

struct Seen {
    int lengths = 0, codings = 0, hosts = 0, authorizations = 0, keys = 0;
    std::size_t connection_names = 0;
    std::string_view length, coding;
    bool trailer = false, close = false, keep_alive = false, upgrade = false;
};

Seen look_at(const std::vector<Field>& fields) {
    Seen seen;
    const auto is = [](const Field& each, std::string_view name) { return same_letters(each.name, name); };
    for (const Field& each : fields) {
        switch (each.name.size()) {  // each of these names has another length
            case 4:
                if (is(each, "host")) ++seen.hosts;
                break;
            case 7:
                seen.trailer = seen.trailer || is(each, "trailer");
                break;
            case 9:
                if (is(each, "x-api-key")) ++seen.keys;
                break;
            case 10:
                if (!is(each, "connection")) break;
                for_each_connection_name(each.value, [&](std::string_view name) {
                    ++seen.connection_names;
                    seen.close = seen.close || same_name(name, "close");
                    seen.keep_alive = seen.keep_alive || same_name(name, "keep-alive");
                });
                break;
            case 13:
                if (is(each, "authorization")) ++seen.authorizations;
                break;
            case 14:
                if (!is(each, "content-length")) break;
                ++seen.lengths;
                seen.length = each.value;
                break;
            case 17:
                if (!is(each, "transfer-encoding")) break;
                ++seen.codings;
                seen.coding = each.value;
                break;
            default:
                break;
        }
    }
    return seen;
}

/// none: no sound length.
std::optional<BodyLength> length_of(const Seen& seen) {
    BodyLength out;
    if (seen.codings > 0) {
        if (seen.codings > 1 || seen.lengths > 0 || !same_name(seen.coding, "chunked")) return std::nullopt;
        out.kind = BodyLength::Kind::chunked;
    } else if (seen.lengths > 0) {
        const char* end = seen.length.data() + seen.length.size();
        if (seen.lengths > 1 || seen.length.empty() || seen.length.size() > 18 ||
            !std::ranges::all_of(seen.length, [](char c) { return c >= '0' && c <= '9'; }) ||
            std::from_chars(seen.length.data(), end, out.bytes).ptr != end)
            return std::nullopt;
        out.kind = out.bytes > 0 ? BodyLength::Kind::length : BodyLength::Kind::none;
    }
    return out;
}

Refusal bad_method() {
    return {405, "capsule_bad_method",
            "only GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are passed on; the broker is no proxy", 0};
}

template <bool is_request>
bool parse(Parser<is_request>& parser, std::string_view bytes) {
    boost::beast::error_code error;
    parser.header_limit(max_head + 1);
    parser.body_limit(boost::none);
    parser.fields.reserve(24);
    parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    return !error && parser.is_header_done();
}

}  // namespace

bool same_letters(std::string_view a, std::string_view b) noexcept {
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= a.size(); at += sizeof(std::uint64_t))
        if (lower_eight(a.data() + at) != lower_eight(b.data() + at)) return false;
    for (; at < a.size(); ++at)
        if (lower(a[at]) != lower(b[at])) return false;
    return true;
}

std::string_view field(const std::vector<Field>& fields, std::string_view name) noexcept {
    for (const Field& each : fields)
        if (same_name(each.name, name)) return each.value;
    return {};
}

std::optional<std::size_t> head_size(std::string_view bytes, std::size_t seen) noexcept {
    constexpr std::size_t open_end = 2;  // of what was seen: "\n\r"
    // A head with bare line ends is whole, too, so that it is refused at once and not waited for.
    if (bytes.starts_with('\n')) return 1;
    if (bytes.starts_with("\r\n")) return 2;
    const auto end_at = [&](std::size_t at) -> std::size_t {  // of the empty line behind the line that ends here; or 0
        const std::string_view rest = bytes.substr(at);
        return rest.starts_with("\n\n") ? at + 2 : rest.starts_with("\n\r\n") ? at + 3 : 0;
    };
    std::size_t at = std::max(seen, open_end) - open_end;
    for (; at + sizeof(Block) + 2 <= bytes.size(); at += sizeof(Block)) {
        const char* here = bytes.data() + at;
        const Block lf = sixteen('\n'), next = block_at(here + 1);
        const auto found =
            (block_at(here) == lf) & ((next == lf) | ((next == sixteen('\r')) & (block_at(here + 2) == lf)));
        if (any_of(found)) break;
    }
    for (; at < bytes.size(); ++at)
        if (const std::size_t end = end_at(at); end != 0) return end;
    return std::nullopt;
}

Allowed<RequestHead> read_request_head(std::string_view bytes) {
    if (const auto wrong = wrong_in(bytes)) return bad_request(*wrong);
    if (bytes.starts_with("CONNECT ") || bytes.starts_with("TRACE ")) return bad_method();
    Parser<true> parser;
    const bool parsed = parse(parser, bytes);
    if (parser.fields.size() > max_fields)
        return Refusal{431, "capsule_head_too_large", "the request has more than 200 headers: send fewer", 0};
    const Seen seen = look_at(parser.fields);
    const auto body = length_of(seen);
    // Before Beast's own word on it, so that the message says what is wrong.
    if (!body) return bad_request("more than one body length, or a transfer coding that is not chunked alone");
    if (!parsed) return bad_request("not an HTTP request");
    // Of others a provider's gateway may make what it likes.
    constexpr std::array<std::string_view, 7> methods{"POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"};
    if (std::ranges::find(methods, parser.method) == methods.end()) return bad_method();
    // No agent sends one with others, and many servers take such a body for the next request.
    if (body->kind != BodyLength::Kind::none && parser.method != "POST" && parser.method != "PUT" &&
        parser.method != "PATCH")
        return bad_request("a body with a method that has none");
    if (parser.version != 11) return bad_request("an HTTP version that is not 1.1");
    if (seen.hosts != 1) return bad_request("not exactly one Host header");
    if (seen.authorizations > 1 || seen.keys > 1) return bad_request("the same credential header twice");
    if (seen.trailer) return bad_request("announced trailers");
    if (seen.connection_names > most_connection_names) return bad_request("more than 16 names in Connection");
    RequestHead out{parser.method, parser.target, std::move(parser.fields), *body, false, seen.close};
    if (const std::string_view expect = field(out.fields, "expect"); !expect.empty()) {
        if (!same_name(expect, "100-continue"))
            return Refusal{417, "capsule_bad_request", "only 100-continue can be expected; leave the Expect header out",
                           0};
        out.expects_continue = true;
    }
    return out;
}

Allowed<ResponseHead> read_response_head(std::string_view bytes, std::string_view method) {
    if (const auto wrong = wrong_in(bytes)) return bad_answer(*wrong);
    Parser<false> parser;
    if (!parse(parser, bytes)) return bad_answer("its head is not HTTP");
    if (parser.status < 100 || parser.status > 599) return bad_answer("its status is none");
    if (parser.fields.size() > max_fields) return bad_answer("it has more than 200 headers");
    const Seen seen = look_at(parser.fields);
    if (seen.connection_names > most_connection_names) return bad_answer("its Connection has more than 16 names");
    auto body = length_of(seen);
    if (!body) return bad_answer("it says more than one body length, or another transfer coding");
    ResponseHead out{parser.status, parser.reason, std::move(parser.fields), *body,
                     parser.version == 11 ? !seen.close : seen.keep_alive};
    const bool bodyless = method == "HEAD" || out.status < 200 || out.status == 204 || out.status == 304;
    if (bodyless)
        out.body = {};
    else if (seen.lengths + seen.codings == 0)
        out.body.kind = BodyLength::Kind::until_close;
    if (out.body.kind == BodyLength::Kind::until_close) out.keep_alive = false;
    return out;
}

}  // namespace capsule::broker
