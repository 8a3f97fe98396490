#include "daemon/keys/op_reader.hpp"

#include <chrono>

#include "daemon/config/quotable.hpp"
#include "daemon/keys/key_value.hpp"
#include "daemon/keys/op_program.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::seconds op_limit{10};
constexpr std::size_t longest_key = 64 * 1024;  // bytes

Error key_error(const std::string& reference, const std::string& what, const std::string& hint) {
    return {ErrorCode::key_error, reference + ": " + what, hint};
}

/// The first line of what op said, redacted before it is cut. A wrapper of op's (`set -x`) may say the key there.
std::string first_line(std::string_view said, const std::vector<Secret>& secrets) {
    const std::string redacted = redact(said, secrets);
    std::string_view text = redacted;
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
        text.remove_suffix(1);
    return readable_text(quotable_words(text.substr(0, text.find('\n'))), 400);
}

/// `secrets` gets what op signs in with: it must not come back in its messages.
Result<SubprocessRequest> op_request(const std::map<std::string, Secret>& environment, const std::string& reference,
                                     const std::optional<std::string>& program, std::vector<Secret>& secrets) {
    auto op = find_op(program);
    if (!op) return key_error(reference, op.error().message, op.error().hint);
    SubprocessRequest request;
    for (const auto& [name, value] : environment) {
        if (!name.starts_with("OP_")) continue;
        if (name == "OP_CONFIG_DIR" && !is_ops_to_use(std::string(value.reveal()))) continue;
        request.env.emplace(name, std::string(value.reveal()));
        if (value.reveal().size() >= 8) secrets.push_back(value);
    }
    const auto own = environment.find("HOME");
    const auto home =
        op_home(own == environment.end() ? std::nullopt : std::optional(std::string(own->second.reveal())));
    if (home) request.env.emplace("HOME", *home);
    request.env.emplace("PATH", trusted_directories);
    request.argv = {std::move(*op), "read", "--no-newline", reference};
    request.limit = op_limit;
    request.output_limit = longest_key + 1;  // so that a longer one is seen
    return request;
}

}  // namespace

asio::awaitable<Result<Secret>> OpReader::read(std::string reference, std::optional<std::string> program) {
    if (const auto found = lookups_.find(reference); found != lookups_.end() && !found->second->has_failed()) {
        const std::shared_ptr<Lookup> lookup = found->second;
        if (auto value = co_await lookup->wait()) co_return *std::move(value);
        co_return key_error(reference, "op could not be run", "the daemon's log says why; try again");
    }
    const auto lookup = std::make_shared<Lookup>(executor_);
    lookups_[reference] = lookup;
    co_return co_await lookup->run(run_op(reference, std::move(program)));
}

asio::awaitable<Result<Secret>> OpReader::run_op(std::string reference, std::optional<std::string> program) {
    std::vector<Secret> secrets;
    auto request = op_request(environment_, reference, program, secrets);
    if (!request) co_return request.error();
    auto result = co_await subprocesses_.run(std::move(*request));
    if (!result) {
        if (result.error().code == ErrorCode::server_stopping) co_return result.error();
        co_return key_error(reference, redact(result.error().message, secrets),
                            "is op signed in for the daemon's user? Then reload");
    }
    if (result->exit_code != 0) {
        secrets.emplace_back(without_white_space_behind(result->out));
        const std::string said = first_line(result->err, secrets);
        co_return key_error(reference, "op read failed: " + (said.empty() ? "no message" : said),
                            "sign op in for the daemon's user (OP_SERVICE_ACCOUNT_TOKEN), then reload");
    }
    const std::string_view value = without_white_space_behind(result->out);
    if (value.empty()) co_return key_error(reference, "op gave an empty value", "check the item's field, then reload");
    if (value.find_first_of(std::string_view("\0 \t\r\n", 5)) != std::string_view::npos)
        co_return key_error(reference, "the value has white space or is no single line",
                            "point the reference at the field with the key alone, then reload");
    if (value.size() > longest_key)
        co_return key_error(reference, "the value has more than 64 KiB",
                            "point the reference at the field with the key alone, then reload");
    co_return Secret(value);
}

std::optional<Result<Secret>> OpReader::remembered(const std::string& reference) const {
    const auto found = lookups_.find(reference);
    if (found == lookups_.end()) return std::nullopt;
    return found->second->result();
}

void OpReader::forget() {
    lookups_.clear();
}

}  // namespace capsule
