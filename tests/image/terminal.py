"""Sessions on a terminal."""

import os
import pty
import signal
import subprocess
import time

from case import AS_INIT, ImageTest, as_composed, options

# Makes each process of root's that is in its session the terminal's foreground, and types Ctrl-Z.
STOPPER = r"""
use POSIX;
$SIG{TTOU} = $SIG{TSTP} = 'IGNORE';
sub numbers { open(my $in, '<', "/proc/$_[0]/stat") or return (); local $_ = <$in>; s/.*\) //; split ' ' }
my $session = (numbers($$))[3];
for my $each (map { m{/(\d+)$} } glob '/proc/[0-9]*') {
    my @has = numbers($each);
    next unless @has && $has[3] == $session && (stat "/proc/$each")[4] == 0;
    POSIX::tcsetpgrp(0, $has[2]);
    ioctl(STDIN, 0x5412, my $key = "\x1a");  # TIOCSTI
}
$| = 1;
print "all have ", "had it\n";
sleep 600;
"""


class Terminal(ImageTest):
    def on_terminal(self, *words: str) -> tuple[subprocess.Popen, int]:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        run = self.container.start([*self.entrypoint, *words], [*AS_INIT, *as_composed(), "--tty", *self.one_by_one()],
                                   stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)  # fmt: skip
        os.close(theirs)
        self.addCleanup(self.end, run)
        return run, ours

    def read_until(self, terminal: int, text: str) -> str:
        os.set_blocking(terminal, False)
        seen = ""

        def more():
            nonlocal seen
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except (BlockingIOError, OSError):
                pass
            return text in seen

        for _ in range(400):
            if more():
                return seen
            time.sleep(0.05)
        self.fail(f"{text!r} never came; this did:\n{seen}")

    def test_without_arguments_is_a_login_shell_of_the_agents_user(self):
        run, terminal = self.on_terminal()
        self.read_until(terminal, "$ ")
        os.write(terminal, b"echo I-am-$(id -un)-in-$PWD-$(env | grep -c FAKE-); echo\n")
        seen = self.read_until(terminal, "I-am-agent-in-/workspace-0")
        self.assertNotIn("FAKE-image", seen)
        self.assertNotIn("capsuled", seen, "its log is not for this screen")
        os.write(terminal, b"grep -E '^(NoNewPrivs|CapEff|CapBnd)' /proc/self/status | tr '\\t\\n' '= '; echo as-i''t-is\n")
        seen = self.read_until(terminal, "as-it-is\r\n")
        # The container's five capabilities are not enough to empty the bounding set; without new privileges it gives nothing.
        self.assertRegex(seen, "CapEff:=0{16} CapBnd:=[0-9a-f]{16} NoNewPrivs:=1 ")
        os.write(terminal, b"capsulectl status --quiet && exit 9\n")
        self.assertEqual(run.wait(timeout=30), 9)

    def test_control_c_reaches_the_session_once_and_leaves_the_daemon(self):
        agent = ("n=0; trap 'n=$((n+1))' INT; echo up; for i in $(seq 20); do sleep 0.1; done;"
                 "capsulectl --socket /run/capsule/capsule.sock status --quiet;"
                 "echo interrupted $n daemon $?; exit 5")  # fmt: skip
        run, terminal = self.on_terminal("claude", "--provider", "zai", "--no-title", "--", "run:" + agent)
        self.read_until(terminal, "up\r\n")
        os.write(terminal, b"\x03")
        self.read_until(terminal, "interrupted 1 daemon 0")
        self.assertEqual(run.wait(timeout=30), 5)

    def test_an_agent_that_stops_itself_goes_on_and_ends_with_the_container(self):
        agent = "echo up; kill -STOP $$; echo went on; kill -TSTP $$; trap 'exit 5' TERM; echo went on again; while :; do sleep 0.05; done"
        run, terminal = self.on_terminal("claude", "--provider", "zai", "--no-title", "--", "run:" + agent)
        self.read_until(terminal, "went on again\r\n")
        os.kill(self.process(run, "tini"), signal.SIGTERM)
        self.assertEqual(run.wait(timeout=30), 5)

    def test_what_stops_all_that_is_on_a_shells_terminal_keeps_no_container_from_ending(self):
        (self.container.top / "usr/local/share/stopper").write_text(STOPPER)
        run, terminal = self.on_terminal("shell")
        self.read_until(terminal, "$ ")
        os.write(terminal, b"perl /usr/local/share/stopper\n")
        self.read_until(terminal, "all have had it")
        os.write(terminal, b"\x1a")  # the person's own, where the kernel has no TIOCSTI
        os.kill(self.process(run, "tini"), signal.SIGTERM)
        self.assertEqual(run.wait(timeout=60), 128 + signal.SIGHUP)

    def test_a_shells_jobs_are_stopped_by_control_z_and_it_goes_on_when_it_is_stopped_itself(self):
        run, terminal = self.on_terminal("shell")
        self.read_until(terminal, "$ ")
        os.write(terminal, b"(echo u''p; exec sleep 600)\n")
        self.read_until(terminal, "up\r\n")
        os.write(terminal, b"\x1a")
        self.read_until(terminal, "Stopped")
        os.write(terminal, b"kill -STOP $$; echo went o''n; disown %1; exit 6\n")
        self.read_until(terminal, "went on\r\n")
        self.assertEqual(run.wait(timeout=60), 6)
