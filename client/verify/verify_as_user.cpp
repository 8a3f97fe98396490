#include "client/verify/verify_as_user.hpp"

#include <boost/json/serialize.hpp>

#include "client/commands/become.hpp"
#include "client/recorder/recorder.hpp"
#include "client/verify/start.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/json_tree.hpp"
#include "protocol/utf8.hpp"

namespace capsule {

std::string to_line(const VerifyMessage& message) {
    return with_bytes_escaped(boost::json::serialize(to_json(message)), escaped_backslash);
}

std::optional<VerifyMessage> from_line(std::string_view line) {
    const auto value = parse_json(line);
    VerifyMessage message;
    if (!value || !from_json(message, *value, "message", Unknown::ignore)) return std::nullopt;
    return message;
}

void verify_as_user(const std::vector<Subject>& subjects, const std::function<void(const VerifyMessage&)>& tell) {
    const auto fail = [&](bool denied, const Error& error) {
        tell({.failure = VerifyFailure{denied, error.message, error.hint}});
    };
    if (auto done = become_without_privileges(subjects.front().plan.user, false); !done)
        return fail(true, done.error());
    tell({.offline = go_offline()});
    const auto recorder = Recorder::start();
    if (!recorder) return fail(false, recorder.error());
    try {
        for (const auto& subject : subjects) {
            const CellVerdict verdict = verify_cell(subject.plan, **recorder, [&] { tell({.copied = true}); });
            tell({.verdict = verdict});
            if (verdict.interrupted) return;
        }
    } catch (const Failure& failure) {
        fail(false, failure.error());
    }
}

}  // namespace capsule
