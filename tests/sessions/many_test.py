"""Sessions that come and go leave nothing behind: memory and descriptors of capsuled and of capsule-broker stay as they are.

CAPSULE_SESSIONS says how many there are; without it a quick number.
"""

import contextlib
import itertools
import json
import os
import signal
import unittest
from pathlib import Path

from capsule import BOUND, Case, Connection, Session, until

WARM = 1000  # both remember the last thousand that have ended
# A thread of the home takes a quarter of a MiB of stack at its first job, whenever that is. Four of the five can do so
# after the first sessions, and half of nine rounds is more than that.
ROUNDS = 9
EACH = max(300, int(os.environ.get("CAPSULE_SESSIONS", "0")) // ROUNDS)
GROWTH = 16 + EACH * 100 // 1024  # KiB of a round: the allocator's noise, and 100 bytes for each session
ASKS_EACH, STAYS_EACH = 7, 49


def resident(pid: int) -> int:
    """Without the pages of its program, which the system reads in and drops as it likes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def descriptors(pid: int) -> int:
    """For whom the kernel does not show them to: the size of their table."""
    with contextlib.suppress(PermissionError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("FDSize"))


class Caller:
    """A process that asks for a session that ends with it."""

    def __init__(self, path: Path):
        answer, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                own = Connection(path)
                plan = own.call("spawn", agent="claude", provider="zai", ends_with="caller")
                own.close()
                os.write(theirs, json.dumps(plan).encode() + b"\n")
                signal.pause()
            os._exit(1)
        os.close(theirs)
        with os.fdopen(answer, "rb") as lines:
            self.session = Session(json.loads(lines.readline()))

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Many(Case):
    def setUp(self):
        self.capsuled, self.provided = self.pair()
        self.own = self.capsuled.connect()
        self.addCleanup(self.own.close)
        self.kept = []
        self.addCleanup(lambda: [each.close() for each in self.kept])

    def ask(self, number: int, session: Session):
        if number % STAYS_EACH == 0:
            self.kept.append(session.open())  # an agent that ends without a word: its connection is closed much later
        elif number % ASKS_EACH == 0:
            self.assertEqual(session.ask().status, 200)

    def by_connection(self, number: int):
        with contextlib.closing(self.capsuled.connect()) as connection:
            self.ask(number, Session(connection.call("spawn", agent="claude", provider="zai", ends_with="connection")))

    def by_process(self, number: int):
        caller = Caller(self.capsuled.socket)
        self.ask(number, caller.session)
        caller.end()

    def by_its_end(self, number: int):
        session = Session(self.own.call("spawn", agent="claude", provider="zai"))
        self.ask(number, session)
        self.own.call("sessions.end", id=session.id)

    def run_to(self, begin: int, end: int) -> dict[str, tuple[int, int]]:
        """KiB and descriptors of both, once all of these have ended."""
        for number in range(begin, end):
            # Of processes fewer: to make one takes the longest.
            how = self.by_process if number % 5 == 0 else self.by_connection if number % 2 else self.by_its_end
            how(number)
        for each in self.kept:
            each.close()
        self.kept.clear()
        self.assertTrue(until(lambda: self.own.call("sessions.list")["sessions"] == [], BOUND))
        pids = {"capsuled": self.capsuled.process.pid, "capsule-broker": self.capsuled.broker_pid()}
        return {name: (resident(pid), descriptors(pid)) for name, pid in pids.items()}

    def test_leave_nothing_behind(self):
        rounds = [self.run_to(0, WARM)]
        for begin in range(WARM, WARM + ROUNDS * EACH, EACH):
            rounds.append(self.run_to(begin, begin + EACH))
        for name, (_, open_ones) in rounds[0].items():
            memory = [each[name][0] for each in rounds]
            print(f"\n{name}: {memory} KiB, {rounds[-1][name][1]} descriptors")
            if not os.environ.get("CAPSULE_SANITIZE"):  # sanitizers keep freed memory back
                grown = sorted(then - before for before, then in itertools.pairwise(memory))
                self.assertLessEqual(grown[ROUNDS // 2], GROWTH, name)
            self.assertTrue(until(lambda name=name, most=open_ones: self.count(name) <= most, BOUND), name)
        self.assertEqual(list((self.capsuled.top / "state/sessions").glob("*.json")), [])

    def count(self, name: str) -> int:
        return descriptors(self.capsuled.process.pid if name == "capsuled" else self.capsuled.broker_pid())


if __name__ == "__main__":
    unittest.main()
