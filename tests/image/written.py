"""What the Compose files, docker/kubernetes and the guide say is so."""

import json
import os
import re
import signal
import subprocess

import guide
import manifests
from case import SHOW_ENVIRONMENT, ImageTest, options
from storage import SOURCE


class Manifests(ImageTest):
    def test_compose_names_what_there_is(self):
        for file in ("compose.yaml", "compose.root.yaml"):
            told = manifests.compose(file)
            used = set()
            for service in told["services"].values():
                build = service["build"]
                self.assertTrue((SOURCE / "docker" / build["context"] / build["dockerfile"]).exists())
                self.check_arguments(service["command"])
                volumes = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", volume).split(":") for volume in service["volumes"]]
                self.check_paths([volume[1] for volume in volumes] + service.get("tmpfs", []))
                used |= {volume[0] for volume in volumes}
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
            self.assertEqual(used, set(told["volumes"]))
            [keys] = [service for service in told["services"].values() if "secrets" in service]
            self.assertEqual(set(keys["secrets"]), set(told["secrets"]))
            for name, secret in told["secrets"].items():
                self.assertIn(name, self.key_variables())
                self.assertEqual(secret, {"file": f"./secrets/{name}"})

    def test_both_leave_root_what_the_unit_leaves_it(self):
        unit = (SOURCE / "systemd/capsuled.service").read_text()
        [listed] = re.findall(r"^CapabilityBoundingSet=(.+)$", unit, re.MULTILINE)
        wanted = {name.removeprefix("CAP_") for name in listed.split()}
        self.assertEqual(set(manifests.compose("compose.root.yaml")["services"]["capsule"]["cap_add"]), wanted)
        [container] = manifests.pod("root")["containers"]
        self.assertEqual(set(container["securityContext"]["capabilities"]["add"]), wanted)

    def test_the_pods_name_what_there_is(self):
        for overlay in ("restricted", "root"):
            spec = manifests.pod(overlay)
            [container] = spec["containers"]
            used = set()
            for each in [*spec.get("initContainers", []), container]:
                self.check_arguments(each["args"])
                self.check_paths([mount["mountPath"] for mount in each["volumeMounts"]])
                used |= {mount["name"] for mount in each["volumeMounts"]}
            self.assertEqual(used, {volume["name"] for volume in spec["volumes"]})
            for probe in ("startupProbe", "livenessProbe"):
                self.assertEqual(["CMD", *container[probe]["exec"]["command"]], options.config["Healthcheck"]["Test"])
            self.assertEqual(container["readinessProbe"]["exec"]["command"], ["/usr/bin/capsulectl", "status", "--quiet"])
            self.assertIs(spec["automountServiceAccountToken"], False)
        self.assertNotIn("fsGroup", manifests.pod("root").get("securityContext", {}), "agents could read the keys")

    def run_pod(self, overlay: str) -> manifests.Pod:
        """As Kubernetes starts it: secrets of root, and of the Pod's group if it has one."""
        keys = next(each for each in manifests.pod(overlay)["volumes"] if each["name"] == "keys")
        mode = keys["projected"]["defaultMode"]
        # OpenShift puts an fsGroup into each Pod that names none.
        group = manifests.pod(overlay).get("securityContext", {}).get("fsGroup", 0)
        self.set_mode(mode)
        for secret in self.secrets.iterdir():
            os.chown(secret, 0, group)
            self.addCleanup(os.chown, secret, 0, 0)
        self.secrets.chmod(0o755)
        shared = options.scratch / f"{overlay}-shared"
        pod = manifests.Pod(self.container, options.config["Entrypoint"], self.secrets, overlay, shared)
        self.addCleanup(pod.end)
        probe = manifests.pod(overlay)["containers"][0]["readinessProbe"]["exec"]["command"]
        self.wait_until(lambda: pod.exec(*probe).returncode == 0, "it never was ready")
        return pod

    def check_pod(self, overlay: str) -> str:
        """Sessions on a root that cannot be written to, and an end in order. Gives what the daemon said."""
        pod = self.run_pod(overlay)
        for agent, provider, name in (("codex", "minimax", "MINIMAX_API_KEY"), ("opencode", "zai", "ZAI_API_KEY")):
            done = pod.exec("capsulectl", "exec", agent, "--provider", provider, "--", SHOW_ENVIRONMENT)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check_token(done.stdout, name)
        if pod.sidecars:
            self.assertEqual(pod.exec("touch", "/run/capsule-keys/x").returncode, 1)
            done = pod.exec("capsulectl", "--socket", "/run/capsule-keys/capsule.sock", "--json", "spawn", "claude",
                            "--provider", "zai", "--reveal")  # fmt: skip
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertNotEqual(pod.exec("sh", "-c", "grep -rl FAKE- /run /tmp /etc /home /var/lib").returncode, 0)
        self.assertEqual(pod.exec("touch", "/etc/x").returncode, 1)
        os.kill(pod.init(), signal.SIGTERM)
        _, err = pod.process.communicate(timeout=30)
        self.assertEqual(pod.process.returncode, 0, err)
        said = err + pod.end()
        self.assertNotIn("FAKE-", said)
        return said

    def test_the_pod_of_root_runs(self):
        self.assertNotIn("one user for all", self.check_pod("root"))

    def test_the_restricted_pod_runs(self):
        self.assertNotIn("one user for all", self.check_pod("restricted"))

    def test_the_pod_of_any_uid_runs(self):
        self.assertNotIn("one user for all", self.check_pod("any-uid"))

    def test_a_pod_of_many_is_drained_before_it_ends(self):
        pod = self.run_pod("many")
        drain = manifests.pod("many")["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        session = pod.start("capsulectl", "exec", "claude", "--provider", "zai", "--", "run:echo up; read -r; exit 0")
        self.assertEqual(session.stdout.readline(), "up\n")
        draining = pod.start(*drain)
        with self.assertRaises(subprocess.TimeoutExpired, msg="the session is there"):
            draining.wait(timeout=3)
        _, err = session.communicate("\n", timeout=30)
        self.assertEqual(session.returncode, 0, err)
        draining.communicate(timeout=30)
        self.assertEqual(draining.returncode, 0)

    def check_arguments(self, words: list[str]) -> None:
        if words[0] in ("serve", "keys"):
            self.assertEqual(self.inside("capsuled", *words[1:], "--check-config").returncode, 0)
            return
        providers = [row["provider"] for row in self.auth_rows()]
        self.assertIn(words[0], ("claude", "codex", "opencode"))
        self.assertEqual(words[1:2], ["--provider"])
        self.assertIn(words[2], providers)

    def check_paths(self, paths: list[str]) -> None:
        for path in paths:
            self.assertTrue((self.container.top / path[1:]).is_dir(), path)

    def key_variables(self) -> list[str]:
        return [row["variable"] for row in self.auth_rows()]

    def auth_rows(self) -> list[dict]:
        run = self.start("serve")
        self.wait_until_healthy()
        rows = json.loads(self.inside("capsulectl", "--json", "auth", "list").stdout)["rows"]
        os.kill(self.process(run, "tini"), signal.SIGTERM)
        run.communicate(timeout=30)
        return rows


class Guide(ImageTest):
    def test_every_command_of_the_pages_works(self):
        for page in guide.PAGES:
            top = options.scratch / "guide" / page.replace("/", "-")
            top.mkdir(parents=True)
            engine = guide.Engine(self.container, options.config["Entrypoint"], top)
            self.addCleanup(engine.kill)
            self.assertEqual("\n".join(guide.page_problems(engine, page)), "")
            self.assertEqual(engine.running, {}, "what the page starts it also stops")

    def test_an_image_of_ones_own_installs_the_agents_in_the_versions_that_are_tested(self):
        text = (SOURCE / "docker/agents.Dockerfile").read_text()
        [names] = re.findall(r'^ARG AGENTS="(.*)"$', text, re.MULTILINE)
        for name, version in re.findall(r"^ARG (\w+)=([\d.]+)$", text, re.MULTILINE):
            names = names.replace(f"${{{name}}}", version)
        real = json.loads((SOURCE / "tests/e2e/package.json").read_text())["dependencies"]
        self.assertEqual(set(names.split()), {f"{name}@{version}" for name, version in real.items()})
