#include "daemon/sessions/ended_file.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/sessions/state_file.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace {

std::string line_of(KeptEnd end) {
    end.session.token_sha256.clear();
    return boost::json::serialize(without_nulls(to_json(end))) + "\n";
}

}  // namespace

std::vector<KeptEnd> EndedFile::load() {
    std::vector<KeptEnd> out;
    // Twice the size at which it is made smaller: nothing that this daemon has written is longer.
    const auto text = path_.empty() ? std::nullopt : read_state_file(path_, 2 * largest);
    if (!text) return out;
    size_ = text->size();
    std::string_view rest = *text;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        boost::json::error_code error;
        const boost::json::value json = boost::json::parse(line, error);
        KeptEnd end;
        if (error || !from_json(end, json, "session", Unknown::ignore)) continue;
        std::erase_if(out, [&](const KeptEnd& each) { return each.session.id == end.session.id; });
        out.push_back(std::move(end));
    }
    return out;
}

Result<void> EndedFile::add(const KeptEnd& end) {
    if (path_.empty()) return {};
    const std::string line = line_of(end);
    if (auto made = make_state_files(*state_); !made) return made;
    if (auto added = append_to_state_file(path_, line); !added) return added;
    size_ += line.size();
    if (size_ <= largest) return {};
    const auto kept = keep_end_of_state_file(path_, largest / 2);
    if (!kept) return kept.error();
    size_ = *kept;
    return {};
}

Result<void> EndedFile::replace(const std::vector<KeptEnd>& ends) {
    if (path_.empty()) return {};
    std::string text;
    for (const KeptEnd& each : ends)
        text += line_of(each);
    if (auto made = make_state_files(*state_); !made) return made;
    if (auto written = write_state_file(path_, text); !written) return written;
    size_ = text.size();
    return {};
}

}  // namespace capsule
