#!/usr/bin/env python3
"""A Pod whose keys are in a sidecar, made of namespaces by a user who is not root: two processes with files and process
ids of their own, which share the loopback, their uid, and one directory. There is no other network.

    pod_test.py CAPSULED CAPSULECTL BROKER [--agents FOLDER] [unittest's own arguments]

FOLDER is npm's, with the real agents; without it those that stand for them are asked.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import box

HERE = Path(__file__).resolve().parent
SKIPPED = 77  # ctest: skipped
MARK = "FAKE-" + "pod-key"
LONGER_S = 5  # how much longer than with a network an agent may take


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


BROKER, PROVIDER = free_port(), free_port()
CELLS = "".join(f'[providers.zai.{agent}]\nbase_url = "http://127.0.0.1:{PROVIDER}{path}"\n'
                for agent, path in (("claude", "/api/anthropic"), ("codex", "/api/v1"), ("opencode", "/api/v4")))  # fmt: skip
KEYS = f'[session]\nkeys = "broker"\n[broker]\nlisten = {BROKER}\nupstream_users = ["{box.UID}"]\n[access]\nown_user = "spawn"\n' + CELLS
AGENTS = '[session]\nkeys = "broker"\n[broker]\nremote = "/srv/keys.sock"\n' + CELLS
ASK = {"claude": "-p 'say something' --allowedTools Bash",
       "codex": "exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox 'say something'",
       "opencode": "run 'say something'"}  # fmt: skip
SERVE = """
capsuled --config /opt/agents.toml 2>/tmp/log &
for i in $(seq 400); do capsulectl status --quiet 2>/dev/null && break; kill -0 $! 2>/dev/null || break; sleep 0.05; done
{then}
kill %1 && wait %1
echo "ended $?"
cat /tmp/log >&2
"""
programs = Path()
agents = None


def contained(mounts: list[str], script: str) -> str:
    """A command for the Pod's shell: a process with mounts and process ids of its own, and nothing else."""
    inside = ["unshare", "--user", f"--map-user={box.UID}", "--map-group=0", "--keep-caps", "setpriv", *box.NO_PRIVILEGES,
              "bash", "-c", script]  # fmt: skip
    lines = ["set -e", *mounts, "mount -o remount,bind,ro /", "exec " + shlex.join(inside)]
    return shlex.join(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", "\n".join(lines)])


def pod(script: str, network: bool) -> list[str]:
    """The agents' side runs `script`. With `network` both sides have the machine's."""
    folder = shlex.quote(str(programs))
    keys = contained(["mount -t tmpfs -o mode=0755 tmpfs /media", f"echo {MARK}-$RANDOM$RANDOM >/media/ZAI_API_KEY"],
                     f"python3 -B /opt/standin.py {PROVIDER} /media/ZAI_API_KEY >/dev/null & "
                     f"until (: </dev/tcp/127.0.0.1/{PROVIDER}) 2>/dev/null; do sleep 0.05; done; "
                     "exec env -i PATH=$PATH ZAI_API_KEY_FILE=/media/ZAI_API_KEY capsuled --config /opt/keys.toml "
                     "--socket /srv/keys.sock")  # fmt: skip
    mine = contained(["mount -o remount,bind,ro /srv", "mount -t tmpfs -o mode=1777 tmpfs /tmp",
                      "mount -t tmpfs -o mode=0755 tmpfs /mnt", "mkdir /tmp/run", "cd /mnt"], script)  # fmt: skip
    modules = [f"mount --bind {shlex.quote(str(agents))} /opt/node_modules"] if agents else []
    alone, up = ([], []) if network else (["--net"], ["ip link set lo up"])
    lines = ["set -e", *up, f"mount --bind {folder} /opt", *modules,
             "mount -t tmpfs -o mode=0755 tmpfs /srv", f"{keys} 2>/srv/log &", mine, "cat /srv/log >&2"]  # fmt: skip
    return [*box._as_nobody(), "unshare", "--user", "--map-root-user", *alone, "--mount", "--pid", "--fork",
            "--kill-child", "--mount-proc", "bash", "-c", "\n".join(lines)]  # fmt: skip


def run(then: str, network: bool = False) -> subprocess.CompletedProcess:
    where = "/opt/node_modules/.bin:" if agents else ""
    return subprocess.run(pod(SERVE.format(then=then), network), capture_output=True, text=True, check=False, timeout=280,
                          stdin=subprocess.DEVNULL, env={"PATH": f"{where}/opt:/usr/sbin:/usr/bin:/bin", "HOME": "/mnt",
                          "CAPSULE_SOCKET": "/tmp/run/capsule.sock", "LANG": "C.UTF-8"})  # fmt: skip


class Pod(unittest.TestCase):
    def check(self, done: subprocess.CompletedProcess) -> list[str]:
        self.assertNotIn(MARK, done.stdout + done.stderr)
        self.assertIn("ended 0\n", done.stdout, done.stdout + done.stderr)
        return done.stdout.splitlines()

    def seconds_of_each(self, network: bool) -> dict[str, float]:
        """How long each agent takes from exec to its end, with one answer between."""
        asked = "".join(f"{agent} --version >/tmp/version; began=$(date +%s%N)\n"
                        f"capsulectl exec {agent} --provider zai -- {words} </dev/null 2>>/tmp/said; echo {agent} $?\n"
                        f"echo took {agent} $((($(date +%s%N) - began) / 1000000))\n"
                        for agent, words in ASK.items())  # fmt: skip
        done = run(asked + "cat /tmp/said >&2; capsulectl --json sessions --all", network)
        lines = self.check(done)
        for agent in ASK:
            self.assertIn(f"{agent} 0", lines, done.stdout + done.stderr)
        self.assertGreaterEqual(done.stdout.count("The stand-in has answered."), len(ASK), done.stdout + done.stderr)
        return {agent: int(took) / 1000 for agent, took in re.findall(r"^took (\w+) (\d+)$", done.stdout, re.MULTILINE)}

    def test_every_agent_answers_without_another_network(self):
        best = {True: {}, False: {}}
        for _ in range(3):  # the machine has other things to do, too
            for network, known in best.items():
                for agent, took in self.seconds_of_each(network).items():
                    known[agent] = min(took, known.get(agent, took))
            if all(best[False][agent] < best[True][agent] + LONGER_S for agent in ASK):
                break
        for agent in ASK:
            told = f"{agent}: {best[True][agent]:.1f} s with a network, {best[False][agent]:.1f} s without"
            print(told, file=sys.stderr)
            self.assertLess(best[False][agent], best[True][agent] + LONGER_S, told)

    def test_the_agents_side_cannot_find_the_key(self):
        session = "capsulectl exec claude --provider zai -- hold & sleep 1; " if not agents else ""
        looking = f"{session}python3 -B /opt/search.py {MARK[:5]} {MARK[5:]} /srv/keys.sock /tmp/run/capsule.sock"
        done = run(looking + "; ls -la /srv /media; rm -f /srv/keys.sock; touch /srv/planted; ls /srv")
        lines = self.check(done)
        self.assertEqual([line for line in lines if line.startswith("found")], [])
        [looked] = [line for line in lines if line.startswith("looked at")]
        counts = dict(re.findall(r'"(\w+)": (\d+)', looked))
        self.assertGreater(int(counts["files"]), 50, looked)
        self.assertGreater(int(counts["processes"]), 0, looked)
        self.assertGreater(int(counts["answers"]), 100, looked)
        self.assertIn("keys.sock", lines, "it can neither be taken away nor replaced")
        self.assertNotIn("planted", lines)

    def test_there_is_no_way_but_the_loopback(self):
        reach = "import socket; socket.create_connection(('192.0.2.1', 443), 5)"
        done = run(f'cut -d: -f1 -s /proc/net/dev; python3 -c "{reach}" 2>&1 | tail -n 1; id -u; id -G; '
                   "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; touch /usr/x 2>&1")  # fmt: skip
        lines = self.check(done)
        self.assertEqual([line.strip() for line in lines if "lo" in line.split()], ["lo"], done.stdout)
        self.assertIn("Network is unreachable", done.stdout)
        self.assertIn(str(box.UID), lines)
        self.assertEqual(re.findall(r"Cap\w+:\s+(\w+)", done.stdout), ["0" * 16] * 2)
        self.assertIn("NoNewPrivs:\t1", done.stdout)
        self.assertIn("Read-only file system", done.stdout)


def main() -> None:
    global programs, agents
    capsuled, capsulectl, broker, *rest = sys.argv[1:]
    if rest[:1] == ["--agents"]:
        agents, rest = Path(rest[1]).resolve(), rest[2:]
        if not (agents / ".bin/claude").exists():
            print(f"the real agents are not in {agents}: tests/run.sh installs them")
            sys.exit(SKIPPED)
    if not box.can_unshare():
        print("needs unprivileged user namespaces: `unshare --user --map-root-user --mount true` must work")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder)
        programs.chmod(0o755)
        (programs / "node_modules").mkdir()
        for program in (capsuled, capsulectl, broker, HERE / "standin.py", HERE / "search.py"):
            shutil.copy(program, programs)
        for agent in () if agents else ASK:
            shutil.copy(HERE / "asking_agent.sh", programs / agent)
        shutil.copy(HERE.parent / "support/data/codex_models.json", programs)
        (programs / "keys.toml").write_text(KEYS)
        (programs / "agents.toml").write_text(AGENTS)
        unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
