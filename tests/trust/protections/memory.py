"""What the process shows to those who look at it, and what its memory holds: "Of keys" in docs/security.md."""

from protection import Edit, Protection, one

HARDENING = "daemon/process/hardening.cpp"
SECRET = "daemon/base/secret.hpp"
SECRET_CPP = "daemon/base/secret.cpp"
MASKING = "protocol/masking.cpp"
SESSION = "daemon/server/connection.cpp"
FRAMING = "protocol/framing.cpp"
STACK = "daemon/process/stack_wiper.cpp"

CANARY = "trust_process:Canary."
OPEN = CANARY + "AConnectionThatStaysOpenKeepsNoKey"
UNSET = CANARY + "AKeyThatIsUnsetIsNowhereInTheProcess"
TYPED = CANARY + "AKeyThatWasOnlyTypedIsNowhereInTheProcess"


def protections() -> list[Protection]:
    return the_process() + the_type() + what_is_freed() + what_stays()


def the_process() -> list[Protection]:
    flags = "trust_process:Process.DumpsNoCoreAndGainsNoPrivileges"
    return [
        one("the environ is zeroed", HARDENING, "        explicit_bzero(*entry, text.size());\n", "",
            "trust_process:Process.HasNothingInItsEnviron",
            "integration_errors:Errors.NothingOfTheDaemonsEnvironmentCanBeReadFromProc"),
        one("no file is opened that TZ names", HARDENING, '"WATCHDOG_USEC"', '"TZ"',
            "trust_started:Started.WithATimeZoneInAnAgentsDirectoryTheDaemonDoesNotWaitForIt"),
        one("it is not dumpable", HARDENING,
            '    require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "PR_SET_DUMPABLE");\n',
            "", "trust_process:Process.IsNotForItsOwnUsersOtherProcesses"),
        one("it gains no privileges", HARDENING,
            '    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");\n', "", flags),
        one("it dumps no core", HARDENING, "const rlimit no_core{0, 0};",
            "const rlimit no_core{RLIM_INFINITY, RLIM_INFINITY};",
            flags),
        one("it does not start where that is refused", HARDENING, "    if (done) return;\n",
            "    if (done || !what.empty()) return;\n", "trust_process:Process.DoesNotStartWhereTheKernelRefusesThat"),
    ]  # fmt: skip


def the_type() -> list[Protection]:
    printed = """template <class Stream>
Stream& operator<<(Stream& stream, const Secret& secret) {
    stream << secret.reveal();
    return stream;
}"""
    deleted = "template <class Stream>\nStream& operator<<(Stream&, const Secret&) = delete;"
    reveal = "    std::string_view reveal() const noexcept { return {data_.get(), size_}; }\n"

    def does_not_compile(name: str, old: str, new: str) -> Protection:
        return Protection(name, [Edit(SECRET, old, new)], ["unit_base:Secret.SameAsComparesContent"], compiles=False)

    return [
        does_not_compile("a key cannot be printed", deleted, printed),
        does_not_compile("a key cannot be compared by accident", "bool operator==(const Secret&) const = delete;",
                         "bool operator==(const Secret& other) const { return same_as(other); }"),
        does_not_compile("a key does not become a text by itself", reveal,
                         reveal + "    operator std::string_view() const noexcept { return reveal(); }\n"),
        does_not_compile("a text does not become a key by itself", "    explicit Secret(", "    Secret("),
        one("four characters of a key at most", MASKING, "constexpr std::size_t shown = 4;",
            "constexpr std::size_t shown = 5;", "unit_base:Mask.ShowsTheLastFourOfALongKeyOnly",
            "unit_client:MaskSession.HidesWhatTheExplanationHides", "integration_status:Status.MasksKeysAndSaysWhereTheyCameFrom"),
        one("none of a short key", MASKING, "constexpr std::size_t long_enough = 16;",
            "constexpr std::size_t long_enough = 15;", "unit_base:Mask.ShowsTheLastFourOfALongKeyOnly"),
    ]  # fmt: skip


def what_is_freed() -> list[Protection]:
    return [
        one("all that is freed is zeroed", "daemon/process/wiping_allocation.cpp",
            "    explicit_bzero(memory, size);\n", "", UNSET, OPEN, TYPED,
            CANARY + "AKeyOfAnEarlierConfigurationIsNowhereInTheProcess",
            CANARY + "AKeyOfABrokenConfigurationIsNowhereInTheProcess"),
        one("a key zeroes itself", SECRET_CPP, "    if (data_) explicit_bzero(data_.get(), size_);\n", "",
            "unit_base:Secret.ItsMemoryIsZeroedWhenItGoes"),
        one("the stack is zeroed", STACK, "    ::explicit_bzero(below.data(), below.size());\n",
            "    below.front() = 0;\n    asm volatile(\"\" ::\"r\"(below.data()));\n", UNSET),
        one("the stack of the I/O thread", STACK, "        pending_ = false;\n        wipe_stack();\n",
            "        pending_ = false;\n",
            UNSET),
        one("the stack after a reload by SIGHUP", "daemon/lifecycle.cpp", "        services.stack_wiper.soon();\n", "",
            CANARY + "AKeyThatASignalMadeItReadInVainIsNowhereInTheProcess"),
    ]  # fmt: skip


def what_stays() -> list[Protection]:
    return [
        one("requests of an open connection", FRAMING, "    ::explicit_bzero(buffer_.data() + kept, end_ - kept);\n",
            "", OPEN),
        one("a request's buffer that grows", FRAMING,
            "        ::explicit_bzero(buffer_.data(), end_);\n        buffer_.swap(larger);\n",
            "        buffer_.swap(larger);\n", "unit_protocol:LineReader.LeavesNothingInMemoryThatItGivesBack"),
        one("a request's buffer that goes", FRAMING, "    ::explicit_bzero(buffer_.data(), end_);\n}\n", "}\n",
            "unit_protocol:LineReader.LeavesNothingInMemoryThatItGivesBack"),
        one("answers of an open connection", "daemon/server/output.cpp",
            "    ::explicit_bzero(bytes_.data(), bytes_.size());\n    bytes_.clear();\n", "    bytes_.clear();\n",
            OPEN),
        one("what a refused client goes on sending", SESSION, "    explicit_bzero(chunk.data(), chunk.size());\n", "",
            CANARY + "WhatARefusedClientGoesOnSendingIsNowhereInTheProcess"),
    ]  # fmt: skip
