// The daemon's log on stderr: one record is one line, whatever is in it. Which levels are on is spdlog's to say.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/errors.hpp"

namespace capsule {

enum class LogFormat { text, json };

/// Who made a request, by SO_PEERCRED. The pid may be another process by now.
struct Caller {
    uid_t uid = 0;
    pid_t pid = 0;
    std::uint64_t connection = 0;     ///< no other one of this daemon has that number
    std::uint64_t connected_at = 0;   ///< ticks_since_boot() of daemon/sessions/process_life.hpp
    std::uint64_t process_inode = 0;  ///< inode_of_peer() of the same; 0: not known
    std::optional<uid_t> counted{};   ///< as in daemon/access/peer.hpp

    uid_t counted_as() const { return counted.value_or(uid); }
};

/// From now on spdlog's default logger writes to stderr, or to `file` if one is given (which throws Failure when it
/// cannot be opened). `level` is trace, debug, info, warn or error. For the journal each line begins with its level as
/// sd-daemon(3) has it, and text has no time of its own. Nothing here waits for who reads the log.
void start_log(std::string_view level, LogFormat format, bool to_journal, const std::optional<std::string>& file = {});

/// Of one kind of line only so many a minute are written for each user (see LogLimit); the rest is counted. `call` is
/// called when that begins, on any thread, and has tell_left_out() called from the next minute on until it says no.
void on_left_out(std::function<void()> call);

/// As whom a user is counted there; without this each as itself. From any thread.
void count_lines_as(uid_t (*counted_as)(uid_t));

/// Says how many lines were left out, of each kind and user that may be written again. `at_the_end`: of all. Whether
/// there is more to tell later.
bool tell_left_out(bool at_the_end = false);

/// Whether `descriptor` is the journal's stream: systemd says in JOURNAL_STREAM which device and inode that is. (The
/// variable alone does not tell: a service may have sent its stderr elsewhere.)
bool is_journal(std::string_view journal_stream, int descriptor);

/// A failure to start: a record where the journal or a program reads the log, otherwise as people read it.
void log_failure(const Error& failure);

struct LogField {
    std::string_view name;  ///< [a-z_]+
    std::variant<std::string_view, std::int64_t> value;
};

/// At level info or warn: `event name=value …`, or the same as members of a JSON object. No value may be a key. "uid"
/// is who sent the request, "home_of" the user whose agents or home a line is about that nobody asked for. Limited for
/// each user ("asked_by", else "uid", else "home_of") and event: at most 1000 lines a minute at level info, 100 at
/// level warn. Costs nothing but a comparison when the level is off, and no memory of the heap when it is on (for lines
/// under 250 bytes).
void log_info(std::string_view event, std::initializer_list<LogField> fields);
void log_warning(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace capsule
