"""What a start tells of, before anybody asks for a session."""

import os
import pwd
import re
import subprocess
import unittest
from pathlib import Path

from capsule import BOUND, CAPSULED, Case, Refused

ROOT = os.geteuid() == 0


class State(Case):
    """The state directory."""

    def test_a_second_daemon_does_not_listen_before_it_has_it(self):
        capsule, _ = self.pair()
        socket = capsule.top / "second.sock"
        second = subprocess.Popen([CAPSULED, "--socket", str(socket)], env=capsule.environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(second.kill)
        while second.poll() is None:
            self.assertFalse(socket.exists(), "whoever connects would wait for nothing")
        said = second.communicate()[1]
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"another capsuled uses the state directory {capsule.top}/state", said)

    def test_where_a_daemon_answers_the_next_one_says_so_at_once(self):
        capsule, _ = self.pair()
        self.assertIn(f"another daemon answers on {capsule.socket}", capsule.start_fails())

    def test_one_that_cannot_be_written_to_is_told_at_start(self):
        provider = self.provider()
        capsule = self.capsule(provider)
        capsule.stop()
        place = capsule.top / "kept" / "sessions"
        place.parent.mkdir()
        place.write_text("no directory")
        capsule.keys |= {"STATE_DIRECTORY": str(place.parent)}
        checked = subprocess.run([CAPSULED, "--check-config"], env=capsule.environment, capture_output=True, text=True,
                                 check=False, timeout=BOUND)  # fmt: skip
        self.assertEqual(checked.returncode, 0, "it starts all the same")
        self.assertIn(f"warning: no session with a token can be started: cannot write {place}", checked.stderr)
        capsule.start()
        self.assertIn(f"no session with a token can be started: cannot write {place}/", capsule.logged())
        status = capsule.call("status")
        [told] = [each for each in status["warnings"] if each["code"] == "state.unwritable"]
        self.assertIn(f"cannot write {place}/", told["message"])
        self.assertIn("make it writable for the daemon's user", told["message"])
        self.assertEqual(capsule.ctl("status", "--quiet").returncode, 1)
        self.assertEqual(capsule.ctl("status", "--alive").returncode, 0)
        with self.assertRaises(Refused):
            self.spawn(capsule)
        place.unlink()
        self.assertNotIn("state.unwritable", [each["code"] for each in capsule.call("status")["warnings"]])
        self.assertEqual(list(place.glob("writable*")), [])
        self.assertEqual(self.spawn(capsule).ask().status, 200)

    def test_one_that_cannot_be_written_to_stops_nothing_where_no_token_is_given_out(self):
        provider = self.provider()
        capsule = self.capsule(provider, session='keys = "env"')
        capsule.stop()
        place = capsule.top / "kept" / "sessions"
        place.parent.mkdir()
        place.write_text("no directory")
        capsule.keys |= {"STATE_DIRECTORY": str(place.parent)}
        capsule.start()
        self.assertNotIn("state directory", capsule.logged())
        self.assertNotIn("state.unwritable", [each["code"] for each in capsule.call("status")["warnings"]])


class Configuration(Case):
    """--check-config tells of all that keeps the daemon from starting, each with its place."""

    def checked(self, text: str, without: tuple[str, ...] = (), **roles: str) -> list[tuple[str, str]]:
        """Place and message of each error."""
        capsule = self.capsule(self.provider())
        file = capsule.top / "capsule.toml"
        file.write_text(text)
        for name, role in roles.items():
            (capsule.top / "roles").mkdir(exist_ok=True)
            (capsule.top / "roles" / f"{name}.toml").write_text(role)
        said = capsule.start_fails("--check-config", **dict.fromkeys(without, ""))
        return re.findall(rf"^capsuled: {capsule.top}/([^ ]+): (.*)$", said, re.MULTILINE)

    def test_one_of_each_table_is_told_in_one_run(self):
        told = self.checked(
            '[daemon]\nlog_level = "loud"\n'
            '[limits]\nconnections = 0\n'
            '[session]\nuser = "-dash"\n'
            '[broker]\nidle_hours = "long"\n'
            '[providers.zai]\nlable = "Z"\n'
            '[providers.mine]\nkey_env = "9"\n'
            '[env]\nHOME = "/"\n'
            '[workspaces.a]\nnothing = 1\n'
            '[workspaces.b.env]\nUSER = "x"\n'
            '[claude]\nprovider = "mine"\n'
            '[codex]\nprovider = "nobody"\n'
            '[unknown]\n', one="[claude]\nmodel = 1\n", two="[claudia]\n")  # fmt: skip
        places = [place for place, _ in told]
        self.assertEqual(places, [f"capsule.toml:{place}" for place in (
            "2:13", "4:15", "6:8", "8:14", "10:1", "12:11", "14:1", "16:1", "18:1", "22:12", "23:2")]
            + ["roles/one.toml:2:9", "roles/two.toml:1:2"])  # fmt: skip
        self.assertIn(("capsule.toml:6:8", "session.user: a name does not begin with '-'"), told)
        self.assertNotIn("20", [place.split(":")[1] for place in places], "that follows from what [providers.mine] lacks")

    def test_names_that_nobody_has_are_told_with_their_lines(self):
        names = [('daemon', 'socket_group', '"no-group"', 'there is no group "no-group"'),
                 ('access', 'spawn', '["no-user"]', 'there is no user "no-user"'),
                 ('broker', 'user', '"no-broker"', 'there is no user "no-broker"' if ROOT else "only a daemon that is root")]  # fmt: skip
        told = self.checked("".join(f"[{table}]\n{name} = {value}\n" for table, name, value, _ in names))
        self.assertEqual(sorted(told), sorted(
            (f"capsule.toml:{2 * i + 2}:{len(name) + 4}", f"[{table}] {name}: {what}" + ("" if ROOT or table != "broker" else
             " can run capsule-broker as another user")) for i, (table, name, _, what) in enumerate(names)))  # fmt: skip
        told = self.checked('[session]\nuser = "no-user"\nkeys = "broker"\n[limits]\nconnections = 0\n')
        self.assertIn(("capsule.toml:2:8", '[session] user: there is no user "no-user"'), told)
        self.assertIn("capsule.toml:5:15", [place for place, _ in told])

    def test_whom_unknown_users_look_like_is_no_user(self):
        """In a user namespace the kernel says that one of everybody whom the namespace does not have."""
        number = Path("/proc/sys/kernel/overflowuid").read_text().strip()
        [name] = [each.pw_name for each in pwd.getpwall() if each.pw_uid == int(number)]
        group = Path("/proc/sys/kernel/overflowgid").read_text().strip()
        trusted = [("session", "user", name), ("broker", "upstream_users", name), ("broker", "upstream_users", number),
                   ("access", "spawn", name), ("access", "admin", number), ("access", "status", f"@{group}"),
                   ("daemon", "socket_group", group)] + ([("broker", "user", name)] if ROOT else [])  # fmt: skip
        for table, setting, value in trusted:
            text = f'["{value}"]' if table == "access" or setting == "upstream_users" else f'"{value}"'
            with self.subTest(setting=setting, value=value):
                [(place, what)] = self.checked(f"[{table}]\n{setting} = {text}\n")
                kind, named = ("group", value.removeprefix("@")) if "group" in setting or "@" in value else ("user", value)
                self.assertEqual(place, f"capsule.toml:2:{len(setting) + 4}")
                numbered = f"gid {group}" if kind == "group" else f"uid {number}"
                named = "" if named in numbered else f' ("{named}")'
                self.assertEqual(what, f"[{table}] {setting}: {numbered}{named} cannot be used here: the kernel shows any "
                                 f"{kind} of another user namespace (a container's, say) under this number")  # fmt: skip

    @unittest.skipUnless(ROOT, "needs another user for sessions")
    def test_the_broker_and_its_servers_are_no_users_that_somebody_works_as(self):
        """Who works as the broker's user could end it; what agents listen on would get every provider's key."""
        session = '[session]\nuser = "games"\nkeys = "broker"\n'
        uid = pwd.getpwnam("games").pw_uid
        for tier in ("status", "spawn", "admin"):
            with self.subTest(tier=tier):
                [(place, what)] = self.checked(f'{session}[broker]\nuser = "daemon"\n[access]\n{tier} = ["daemon"]\n')
                self.assertEqual(place, "capsule.toml:5:8")
                self.assertIn('[broker] user: "daemon" is named in [access]', what)
        for name in ("games", str(uid)):
            with self.subTest(name=name):
                [(place, what)] = self.checked(f'{session}[broker]\nuser = "daemon"\nupstream_users = ["{name}"]\n')
                self.assertEqual(place, "capsule.toml:6:18")
                self.assertIn(f'[broker] upstream_users: "{name}" is the sessions\' user', what)
        capsule = self.capsule(self.provider())
        capsule.stop()
        (capsule.top / "capsule.toml").write_text('[broker]\nuser = "daemon"\n[access]\nspawn = ["daemon"]\n')
        self.assertIn("is named in [access]", capsule.start_fails())

    @unittest.skipUnless(ROOT, "only root's broker has a user of its own")
    def test_the_brokers_user_may_nothing_whatever_its_groups_may(self):
        broker, access = '[broker]\nuser = "daemon"\n', '"*", "@daemon"'
        capsule, _ = self.pair(config=f'[daemon]\nsocket_group = "daemon"\n[access]\nstatus = [{access}]\nspawn = [{access}]\n{broker}')
        user = pwd.getpwnam("daemon")
        asks = ("import socket, sys\ns = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                "s.sendall(b'{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\"}\\n'); print(s.makefile().readline())\n")  # fmt: skip
        for uid, word in ((user.pw_uid, "access.denied"), (12345, '"uptime_s"')):
            done = subprocess.run(["/usr/bin/python3", "-c", asks, str(capsule.socket)], user=uid, group=user.pw_gid, extra_groups=[],
                                  capture_output=True, text=True, timeout=BOUND, check=True)  # fmt: skip
            self.assertIn(word, done.stdout, uid)

    def test_places_that_cannot_be_used_are_told(self):
        [(place, what)] = self.checked('[daemon]\nsocket = "/tmp/capsule.sock"\n', without=("CAPSULE_SOCKET",))
        self.assertEqual(place, "capsule.toml:2:10")
        self.assertIn("[daemon] socket: refusing to listen in /tmp: ", what)
        [(place, what)] = self.checked('[session]\nkeys = "broker"\n[broker]\nca_file = "/nonexistent/ca.pem"\n')
        self.assertEqual((place, what), ("capsule.toml:4:11", "[broker] ca_file: /nonexistent/ca.pem: No such file or directory"))

    def test_a_start_names_the_line_too(self):
        capsule = self.capsule(self.provider())
        capsule.stop()
        for text, place in (('[daemon]\nsocket_group = "no-group"\n', "2:16: [daemon] socket_group: there is no group"),
                            ('[access]\nadmin = ["@no-group"]\n', "2:9: [access] admin: there is no group"),
                            ('[session]\nuser = "no-user"\n', "2:8: [session] user: there is no user")):  # fmt: skip
            (capsule.top / "capsule.toml").write_text(text)
            self.assertIn(f"capsule.toml:{place}", capsule.start_fails())


if __name__ == "__main__":
    unittest.main()
