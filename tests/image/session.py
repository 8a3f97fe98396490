"""What a session in the image has, and what it cannot get; capsuled alone; what is refused at the start."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import storage
from case import KEYS, SHOW_ENVIRONMENT, TOKEN, ImageTest, options

# What the entrypoint runs by its name, and what capsuled could.
PLANTED = ("id", "ls", "find", "chmod", "chown", "install", "setpriv", "setsid", "env", "sleep", "cat", "tini",
           "capsuled", "capsulectl", "op")  # fmt: skip


class Session(ImageTest):
    def test_has_a_token_in_place_of_its_key_and_another_user_than_the_daemon(self):
        provider = self.provider()
        done = self.capsule("claude", "--provider", "zai", "--", SHOW_ENVIRONMENT + "; ask; id -un; id -u")
        *_, answer, user, uid = done.stdout.splitlines()
        self.assertEqual((done.returncode, answer, user, uid), (0, "HTTP/1.1 200 OK", "agent", "1000"), done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        self.assertEqual(provider.credentials, ["Bearer " + KEYS["ZAI_API_KEY"]])

    def test_may_have_its_one_key_by_a_line_of_configuration(self):
        file = self.container.top / "etc/capsule/capsule.toml"
        given = file.read_text()
        self.addCleanup(file.write_text, given)
        file.write_text(given.replace('keys = "broker"', 'keys = "env"'))
        own = ["--env", "KIMI_CODE_API_KEY=" + KEYS["KIMI_CODE_API_KEY"], "--env", "ZAI_API_KEY=" + KEYS["ZAI_API_KEY"]]
        done = self.capsule("opencode", "--provider", "kimi", "--", SHOW_ENVIRONMENT, more=own)
        secrets = [line for line in done.stdout.splitlines() if "FAKE-" in line]
        self.assertEqual(secrets, ["KIMI_CODE_API_KEY=" + KEYS["KIMI_CODE_API_KEY"]], done.stderr)
        self.assertNotRegex(done.stdout, TOKEN)

    def test_cannot_get_another_key(self):
        attempts = (
            "cat /run/secrets/*; ls /run/secrets; cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -v AUTH_TOKEN;"
            "cat /var/lib/capsule/*; export CAPSULE_SOCKET=/run/capsule/capsule.sock;"
            "capsulectl --json spawn claude --provider kimi --reveal; echo spawn $?;"
            "capsulectl --json explain codex --provider minimax; echo explain $?;"
            "capsulectl auth set zai <<<other; echo auth $?; capsulectl status --quiet; echo status $?")
        done = self.capsule("claude", "--provider", "zai", "--", f"run:({attempts}) 2>&1")
        self.assertNotIn("FAKE-", done.stdout)
        for refused in ("spawn 4", "explain 4", "auth 4", "status 0"):
            self.assertIn(refused + "\n", done.stdout)
        self.assertIn('"code": "access.denied"', done.stdout.replace('":"', '": "'))
        self.assertRegex(done.stderr, r"denied method=spawn uid=1000 ")

    def test_leaves_no_key_in_a_file(self):
        for agent, provider in (("codex", "minimax"), ("opencode", "kimi")):
            done = self.capsule(agent, "--provider", provider, "--", "run:grep -rl FAKE- ~ /workspace /tmp; ls -A ~")
            self.assertNotIn("/", done.stdout, done.stderr)
            self.assertIn({"codex": ".codex", "opencode": ".config"}[agent], done.stdout)

    def test_gets_its_input_and_arguments_and_gives_its_exit_code(self):
        done = self.capsule("claude", "--provider", "zai", "--", "two words", 'run:cat; echo "[${*: -2:1}]"; exit 7',
                            text="said\n")  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (7, "said\n[two words]\n"), done.stderr)
        done = self.capsule("claude", "--provider", "zai", "--", "run:kill -USR1 $$")
        self.assertEqual(done.returncode, 128 + signal.SIGUSR1)

    def test_that_cannot_be_is_an_error_and_ends_the_container(self):
        done = self.capsule("claude", "--provider", "zai", more=[])
        self.assertEqual(done.returncode, 5, "no key")
        self.assertIn("ZAI_API_KEY", done.stderr)
        self.assertTrue(re.search(r"stopped$", done.stderr, re.MULTILINE), done.stderr)
        self.assertEqual(self.capsule("codex", "--provider", "anthropic").returncode, 6, "unsupported")

    def test_ends_with_the_containers_stop_and_the_daemon_after_it(self):
        run = self.start("claude", "--provider", "zai", "--",
                         "run:trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.05; done")  # fmt: skip
        self.assertEqual(run.stdout.readline(), "up\n")
        os.kill(self.process(run, "tini"), signal.SIGTERM)
        out, err = run.communicate(timeout=30)
        self.assertEqual((run.returncode, out), (3, "told\n"), err)
        self.assertRegex(err, r"(?s)info stopping\n.*info stopped\n")
        self.assertFalse((self.container.top / "run/capsule/capsule.sock").exists())

    def test_runs_nothing_of_the_agents_as_root(self):
        """An image with a directory of the agents' in PATH, in front: the session finds its programs there, root none."""
        planted = self.container.top / "home/agent/bin"
        planted.mkdir()
        self.addCleanup(shutil.rmtree, planted)
        ran = planted / "ran"
        ran.write_text("")
        for name in PLANTED:
            (planted / name).write_text("#!/bin/sh\n/usr/bin/id -u >>/home/agent/bin/ran\n"
                                        f'PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin exec {name} "$@"\n')
        for path in (planted, *planted.iterdir()):
            path.chmod(0o777)
            os.chown(path, 1000, 1000)
        path = "PATH=/home/agent/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = self.capsule("claude", "--provider", "zai", "--", "run:id; echo $PATH",
                            more=[*self.one_by_one(), "--env", path])  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("uid=1000", done.stdout)
        self.assertIn(path.partition("=")[2], done.stdout, "PATH is the session's")
        self.assertEqual(set(ran.read_text().split()), {"1000"}, "the session's own id, and nothing of root's")

    def test_goes_on_when_the_daemon_dies(self):
        provider = self.provider()
        again = "run:ask; for i in $(seq 200); do sleep 0.1; ask 2>/dev/null | grep 200 && exit 4; done"
        run = self.start("claude", "--provider", "zai", "--", "run:echo up; read -r;" + again[4:], stdin=subprocess.PIPE)
        if (line := run.stdout.readline()) != "up\n":
            self.fail(line + "".join(run.communicate("\n", timeout=30)))
        daemon = self.process(run, "capsuled")
        os.kill(daemon, signal.SIGKILL)
        self.wait_until(lambda: storage.find_process(run, "capsuled") not in (None, daemon), "none was started")
        out, err = run.communicate("\n", timeout=30)
        self.assertEqual(run.returncode, 4, err)
        self.assertIn("HTTP/1.1 200 OK\n", out)
        self.assertIn("capsuled ended with 137 and is started again", err)
        self.assertIn("Bearer " + KEYS["ZAI_API_KEY"], provider.credentials)


class Serving(ImageTest):
    def test_is_healthy_starts_sessions_and_stops_in_order(self):
        check = options.config["Healthcheck"]["Test"][1:]
        self.assertEqual(self.inside(*check).returncode, 3, "nothing runs")
        run = self.start("serve", "--log-format", "json")
        self.wait_until_healthy()
        for provider in ("zai", "kimi"):
            done = self.inside("capsulectl", "exec", "claude", "--provider", provider, "--", SHOW_ENVIRONMENT)
            self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        os.kill(self.process(run, "tini"), signal.SIGTERM)
        _, err = run.communicate(timeout=30)
        self.assertEqual(run.returncode, 0, err)
        records = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
        self.assertEqual([each["provider"] for each in records if each.get("event") == "spawn"], ["zai", "kimi"])
        self.assertEqual(records[-1]["message"], "stopped")

    def test_takes_a_key_that_was_rotated(self):
        provider = self.provider()
        run = self.start("serve")
        self.wait_until_healthy()
        secret = self.secrets / "ZAI_API_KEY"
        for value in ("FAKE-image-rotated-0001", KEYS["ZAI_API_KEY"]):
            secret.write_text(value)
            done = self.inside("capsulectl", "exec", "claude", "--provider", "zai", "--", "run:ask")
            self.assertEqual(done.stdout, "HTTP/1.1 200 OK\n", done.stderr)
            self.assertEqual(provider.credentials[-1], "Bearer " + value)
        run.terminate()


class Start(ImageTest):
    def test_closes_secrets_that_it_can_close(self):
        self.set_mode(0o444)
        done = self.capsule("claude", "--provider", "zai", "--", "run:cat /run/secrets/* 2>&1; echo ended")
        self.assertNotIn("FAKE-", done.stdout, done.stderr)
        self.assertTrue(done.stdout.endswith("ended\n"))

    def test_refuses_secrets_that_agents_could_read(self):
        self.set_mode(0o444)
        for mode in (0o755, 0o711):  # with 0711 agents cannot list them, and read each by its name
            done = self.capsule("claude", "--provider", "zai", "--", "run:echo started", more=self.read_only_secrets(mode))
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"agents can read /run/secrets/\w+(?s:.*)0400")
        self.set_mode(0o400)
        done = self.capsule("claude", "--provider", "zai", "--", "run:echo started", more=self.read_only_secrets())
        self.assertEqual((done.returncode, done.stdout), (0, "started\n"), done.stderr)

    def test_refuses_a_key_that_belongs_to_agents_though_it_is_mounted_read_only(self):
        for name in KEYS:
            os.chown(self.secrets / name, 1000, 1000)
            self.addCleanup(os.chown, self.secrets / name, 0, 0)
        done = self.capsule("claude", "--provider", "zai", "--", "run:echo started")
        self.assertEqual(done.stdout, "", done.stderr)
        self.assertRegex(done.stderr, r"/run/secrets/ZAI_API_KEY belongs to user 1000(?s:.*)chown root")

    def read_only_secrets(self, mode: int = 0o755) -> list[str]:
        self.secrets.chmod(mode)
        return self.as_folder()

    def test_refuses_a_keys_file_elsewhere_that_agents_could_read(self):
        file = options.scratch / "zai"
        file.write_text("FAKE-image-elsewhere")
        more = [*self.one_by_one(), f"--volume={file}:/srv/zai:ro", "--env", "ZAI_API_KEY_FILE=/srv/zai"]
        for mode, gives in ((0o644, (1, "")), (0o600, (0, "started\n"))):
            file.chmod(mode)
            done = self.capsule("claude", "--provider", "zai", "--", "run:echo started", more=more)
            self.assertEqual((done.returncode, done.stdout), gives, done.stderr)
            self.assertEqual("agents can read /srv/zai" in done.stderr, mode == 0o644)

    def test_without_an_agent_is_refused_with_what_to_do(self):
        done = self.capsule()
        self.assertEqual(done.returncode, 2)
        self.assertIn("serve", done.stderr)
        self.assertEqual(self.capsule("--help").returncode, 0)

    def test_with_a_broken_configuration_shows_the_daemons_error(self):
        file = self.container.top / "etc/capsule/capsule.toml"
        good = file.read_text()
        self.addCleanup(file.write_text, good)
        file.write_text("[sesion]\n")
        done = self.capsule("claude", "--provider", "zai")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/etc/capsule/capsule.toml:1:2", done.stderr)

    def test_gives_fresh_volumes_to_the_agent_and_leaves_others_alone(self):
        fresh, used = options.scratch / "fresh", options.scratch / "used"
        for place in (fresh, used):
            place.mkdir(mode=0o700)
        (used / "file").touch()
        own = [*self.one_by_one(), f"--volume={fresh}:/home/agent", f"--volume={used}:/workspace"]
        done = self.capsule("codex", "--provider", "minimax", "--", "run:ls -A ~; touch ~/mine", more=own)
        self.assertEqual((done.returncode, done.stdout), (0, ".codex\n"), done.stderr)
        self.assertEqual((fresh.stat().st_uid, used.stat().st_uid), (1000, 0))


class OneUser(ImageTest):
    """Not root: capsuled is the agents' own user."""

    KEY = ["--env", "ZAI_API_KEY=" + KEYS["ZAI_API_KEY"]]

    def test_is_told_once_and_has_a_session(self):
        done = self.capsule("claude", "--provider", "zai", "--", SHOW_ENVIRONMENT, more=["--user", "agent", *self.KEY])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        self.assertIn("HOME=/home/agent\n", done.stdout)
        self.assertEqual(done.stderr.count("one user for all (uid 1000)"), 1)
        self.assertIn("the socket is /tmp/capsule-1000/capsule.sock", done.stderr)

    def test_may_have_any_uid(self):
        done = self.capsule("codex", "--provider", "minimax", "--", "run:id -u; echo ~; ls -A ~",
                            more=["--user", "1000620000:0", "--env", "HOME=/",
                                  "--env", "MINIMAX_API_KEY=" + KEYS["MINIMAX_API_KEY"]])  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[:2], ["1000620000", "/tmp/capsule-1000620000/home"])
        self.assertIn(".codex", done.stdout)
        self.assertIn("/home/agent cannot be written to", done.stderr)

    def test_is_root_of_a_user_namespace_that_has_no_agent(self):
        top = self.container.top
        start = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", *self.KEY[1:], *options.config["Entrypoint"],
                 "claude", "--provider", "zai", "--", SHOW_ENVIRONMENT + "; id -u"]  # fmt: skip
        script = [f"mount -t tmpfs tmpfs {top}/{name}" for name in ("tmp", "run/capsule")]
        script += [f"mount -t proc proc {top}/proc", f"mount --rbind /dev {top}/dev",
                   "exec chroot " + shlex.join([str(top), *start])]  # fmt: skip
        done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child",
                               "bash", "-ec", "\n".join(script)], capture_output=True, text=True, check=False,
                              timeout=60, stdin=subprocess.DEVNULL)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "0")
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        self.assertEqual(done.stderr.count("one user for all (uid 0)"), 1)

    def test_has_the_configuration_of_its_home(self):
        home = options.scratch / "configured"
        (home / ".config/capsule").mkdir(parents=True)
        (home / ".config/capsule/capsule.toml").write_text('[session]\nkeys = "env"\n')
        for path in (home, *home.rglob("*")):
            os.chown(path, 1000, 1000)
        done = self.capsule("claude", "--provider", "zai", "--", SHOW_ENVIRONMENT,
                            more=["--user", "agent", f"--volume={home}:/home/agent", *self.KEY])  # fmt: skip
        self.assertIn("ANTHROPIC_AUTH_TOKEN=" + KEYS["ZAI_API_KEY"] + "\n", done.stdout, done.stderr)

    def test_reads_the_secrets_that_are_its_own(self):
        (self.container.top / "run/secrets").chmod(0o755)  # as it is in a container that never started as root
        for name in KEYS:
            os.chown(self.secrets / name, 1000, 1000)
            self.addCleanup(os.chown, self.secrets / name, 0, 0)
        done = self.capsule("claude", "--provider", "kimi", "--", SHOW_ENVIRONMENT,
                            more=["--user", "agent", *self.one_by_one()])  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")

    def test_serves_on_a_volume(self):
        volume = options.scratch / "run"
        volume.mkdir(exist_ok=True)
        volume.chmod(0o777)
        run = self.start("serve", more=["--user", "agent", f"--volume={volume}:/run/capsule", *self.KEY])
        self.wait_until(lambda: (volume / "capsule.sock").exists(), "it never listened")
        done = self.container.run(["capsulectl", "exec", "claude", "--provider", "zai", "--", SHOW_ENVIRONMENT],
                                  ["--user", "agent", f"--volume={volume}:/run/capsule"])  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        os.kill(self.process(run, "tini"), signal.SIGTERM)
        _, err = run.communicate(timeout=30)
        self.assertEqual(run.returncode, 0, err)
        self.assertNotIn("the socket is", err)
