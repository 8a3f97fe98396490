// OpenCode's database: whatever is in it and in its log, the look for an account ends, and reads nothing but them.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "daemon/agents/opencode/accounts.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    // The log begins where a log's first bytes are.
    const std::size_t log_begin = std::min(text.find("\x37\x7f\x06"), text.size());
    std::size_t reads = 0;
    const auto part_of = [&reads](std::string whole) {
        return [&reads, whole = std::move(whole)](std::uint64_t offset, std::size_t count) {
            ++reads;
            return offset < whole.size() ? whole.substr(static_cast<std::size_t>(offset), count) : std::string();
        };
    };
    const capsule::FilePart database = part_of(text.substr(0, log_begin)), log = part_of(text.substr(log_begin));
    const auto found = capsule::active_account(database, log_begin == text.size() ? nullptr : &log);
    capsule::fuzz::require(text.size() > 512 || found != capsule::ActiveAccount::one, "an account has a row somewhere");
    capsule::fuzz::require(reads < 3000 + text.size(), "it reads few pages");
    return 0;
}
