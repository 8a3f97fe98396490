#!/usr/bin/env python3
"""docker/kubernetes, rendered by kubectl: which Pod Security Standard admits which overlay, and that the objects fit
each other. Needs neither root nor a cluster.

    kubernetes_test.py [unittest's own arguments]
"""

import copy
import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import manifests
import restricted
from restricted import BASELINE, RESTRICTED
from storage import SOURCE

OVERLAYS = ("restricted", "any-uid", "csi", "root", "many")
SCHEMAS = SOURCE / "tests/image/schemas"


def broken(at: str, value):
    """An edit of a Pod's spec: `at` is "pod.…", "container.…" or "spec.…", with a dot before each member."""

    def edit(spec: dict) -> None:
        first, *path, last = at.split(".")
        place = {"spec": spec, "pod": spec["securityContext"], "container": spec["containers"][0],
                 "own": spec["containers"][0]["securityContext"]}[first]  # fmt: skip
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value

    return edit


def bare_init_container(spec: dict) -> None:
    spec["initContainers"] = [{"name": "other", "image": "other", "securityContext": {"capabilities": {"drop": ["ALL"]}}}]


# For each control Pods that break it, and what else each of them breaks.
BREAKS = {
    "HostProcess": [(broken("pod.windowsOptions", {"hostProcess": True}), [])],
    "Host Namespaces": [(broken(f"spec.{name}", True), []) for name in ("hostNetwork", "hostPID", "hostIPC")],
    "Privileged Containers": [(broken("own.privileged", True), [])],
    "Capabilities (baseline)": [(broken("own.capabilities.add", ["SYS_ADMIN"]), ["Capabilities"])],
    "HostPath Volumes": [(broken("spec.volumes", [{"name": "host", "hostPath": {"path": "/"}}]), ["Volume Types"])],
    "Host Ports": [(broken("container.ports", [{"containerPort": 80, "hostPort": 80}]), [])],
    "Host Probes / Lifecycle Hooks": [
        (broken("container.livenessProbe.tcpSocket", {"host": "10.0.0.1", "port": 80}), []),
        (broken("container.lifecycle.preStop", {"httpGet": {"host": "10.0.0.1", "port": 80}}), []),
    ],
    "AppArmor": [(broken("own.appArmorProfile", {"type": "Unconfined"}), [])],
    "SELinux": [
        (broken("pod.seLinuxOptions", {"type": "spc_t"}), []),
        (broken("own.seLinuxOptions", {"role": "sysadm_r"}), []),
    ],
    "/proc Mount Type": [(broken("own.procMount", "Unmasked"), [])],
    "Seccomp (baseline)": [(broken("own.seccompProfile", {"type": "Unconfined"}), ["Seccomp"])],
    "Sysctls": [(broken("pod.sysctls", [{"name": "kernel.msgmax", "value": "1"}]), [])],
    "Volume Types": [(broken("spec.volumes", [{"name": "nfs", "nfs": {"server": "a", "path": "/"}}]), [])],
    "Privilege Escalation": [
        (broken("own.allowPrivilegeEscalation", True), []),
        (lambda spec: spec["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"), []),
        (bare_init_container, []),
    ],
    "Running as Non-root": [
        (broken("pod.runAsNonRoot", False), []),
        (broken("own.runAsNonRoot", False), []),
        (lambda spec: spec["securityContext"].pop("runAsNonRoot"), []),
    ],
    "Running as Non-root user": [(broken("pod.runAsUser", 0), []), (broken("own.runAsUser", 0), [])],
    "Seccomp": [
        (lambda spec: (spec["securityContext"].pop("seccompProfile"),
                       spec["containers"][0]["securityContext"].pop("seccompProfile")), []),
    ],
    "Capabilities": [
        (broken("own.capabilities.add", ["KILL"]), []),
        (broken("own.capabilities.drop", ["KILL"]), []),
        (lambda spec: spec["containers"][0]["securityContext"].pop("capabilities"), []),
    ],
}  # fmt: skip


class Standards(unittest.TestCase):
    def test_restricted_admits_all_but_the_one_of_root(self):
        for overlay in ("restricted", "any-uid", "csi", "many"):
            spec = manifests.pod(overlay)
            self.assertEqual(restricted.violated(spec, BASELINE | RESTRICTED), [], overlay)
            for container in restricted.containers(spec):
                self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True)

    def test_baseline_admits_the_one_of_root(self):
        spec = manifests.pod("root")
        self.assertEqual(restricted.violated(spec, BASELINE), [])
        self.assertEqual(restricted.violated(spec, RESTRICTED),
                         ["Running as Non-root", "Running as Non-root user", "Capabilities"])  # fmt: skip

    def test_a_broken_pod_fails_each_control(self):
        self.assertEqual(set(BREAKS), set(BASELINE | RESTRICTED))
        pod = manifests.pod("restricted")
        other = pod | {"containers": pod["initContainers"], "initContainers": pod["containers"]}
        for control, edits in BREAKS.items():
            for number, (edit, more) in enumerate(edits):
                for spec in map(copy.deepcopy, (pod, other)):
                    edit(spec)
                    self.assertEqual(set(restricted.violated(spec, BASELINE | RESTRICTED)), {control, *more},
                                     f"{control}, {number}")  # fmt: skip


@unittest.skipUnless((SCHEMAS / "node_modules").exists(), "tests/run.sh installs the schemas")
class Schemas(unittest.TestCase):
    def problems(self, objects: list[dict]) -> list[str]:
        done = subprocess.run(["node", SCHEMAS / "validate.js"], input=json.dumps(objects), capture_output=True, text=True,
                              check=True)  # fmt: skip
        return done.stdout.splitlines()

    def test_every_object_fits_what_is_published(self):
        for overlay in OVERLAYS:
            self.assertEqual(self.problems(manifests.render(overlay)), [], overlay)

    def test_what_does_not_fit_is_found(self):
        deployment, policy, budget = (manifests.only(copy.deepcopy(manifests.render("many")), kind)
                                      for kind in ("Deployment", "NetworkPolicy", "PodDisruptionBudget"))  # fmt: skip
        deployment["spec"]["replicas"] = "many"
        deployment["spec"]["template"]["spec"]["initContainers"][0]["restartPolicy"] = True
        deployment["spec"]["template"]["spec"]["securityContext"]["fsgroup"] = 1
        policy["spec"]["egress"][0]["ports"][0]["name"] = "dns"
        del policy["spec"]["podSelector"]
        budget["apiVersion"] = "policy/v0"
        found = self.problems([deployment, policy, budget])
        for wanted in ("Deployment: /spec/replicas type", "initContainers/0/restartPolicy type",
                       "securityContext/fsgroup is in no schema", "/spec/egress/0/ports/0/name is in no schema",
                       'NetworkPolicy: /spec required {"missingProperty":"podSelector"}',
                       "policy/v0 PodDisruptionBudget: no schema is published for it"):  # fmt: skip
            self.assertEqual(len([line for line in found if wanted in line]), 1, (wanted, found))
        self.assertEqual(len(found), 6, found)


class Objects(unittest.TestCase):
    def test_are_of_one_name_and_select_the_pods(self):
        for overlay in OVERLAYS:
            objects = manifests.render(overlay)
            labels = manifests.only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
            for each in objects:
                self.assertEqual(each["metadata"]["name"], "capsule", overlay)
                selector = each["spec"].get("podSelector", each["spec"].get("selector"))
                self.assertEqual(selector["matchLabels"], labels, each["kind"])

    def test_are_of_versions_that_a_cluster_of_today_serves(self):
        found = {(each["apiVersion"], each["kind"]) for each in manifests.render("many")}
        self.assertEqual(found, {("apps/v1", "Deployment"), ("networking.k8s.io/v1", "NetworkPolicy"),
                                 ("policy/v1", "PodDisruptionBudget")})  # fmt: skip

    def test_any_uid_names_no_id(self):
        context = manifests.pod("any-uid")["securityContext"]
        self.assertEqual(set(context), {"runAsNonRoot", "seccompProfile"})

    def test_the_policy_lets_nobody_in_and_names_and_https_out(self):
        policy = manifests.only(manifests.render("restricted"), "NetworkPolicy")["spec"]
        self.assertEqual((policy["policyTypes"], policy["ingress"]), (["Ingress", "Egress"], []))
        self.assertEqual({port["port"] for rule in policy["egress"] for port in rule["ports"]}, {53, 443})
        [blocks] = [rule["to"] for rule in policy["egress"] if "to" in rule]
        for private in ("10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"):
            self.assertIn(private, blocks[0]["ipBlock"]["except"])

    def test_a_replaced_pod_of_many_waits_for_its_sessions(self):
        deployment = manifests.only(manifests.render("many"), "Deployment")["spec"]
        self.assertEqual(deployment["strategy"]["rollingUpdate"]["maxUnavailable"], 0)
        spec = deployment["template"]["spec"]
        self.assertEqual(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"],
                         ["/usr/local/bin/capsule-entrypoint", "drain"])  # fmt: skip
        self.assertGreaterEqual(spec["terminationGracePeriodSeconds"], 3600)


# The tests of each place: how its row in docs/guides/where-it-runs.md begins, and who runs it.
PLACES = {
    "systemd": "package:units package:installed",
    "a container as root": "image:runs Manifests.test_the_pod_of_root_runs Composed.test_as_root_they_are_one",
    "the *restricted* Pod standard": "anywhere:pod image:kubernetes Manifests.test_the_restricted_pod_runs "
                                     "Composed.test_keys_and_agents_are_two_containers_without_root",
    "OpenShift": "Manifests.test_the_pod_of_any_uid_runs anywhere:uid OnVolumesOfRoot",
    "two containers elsewhere": "anywhere:pod anywhere:agents sessions:remote_sessions",
    "Docker as another user": "image:runs OneUser Podman",
    "a rootless engine": "anywhere:uid InAUserNamespaceWithOneUid "
                         "OneUser.test_is_root_of_a_user_namespace_that_has_no_agent",
    "a devcontainer": "image:runs Devcontainer",
    "one user": "Lifecycle.AUserWithARuntimeDirectoryNeedsNoOptions",
}  # fmt: skip


class Page(unittest.TestCase):
    def is_a_test(self, name: str) -> bool:
        """"part:name" is ctest's; "Class" or "Class.name" is in a source of the tests."""
        part, colon, last = name.partition(":")
        if colon:
            return bool(re.search(rf"\b{last}\b", (SOURCE / "tests" / part / "CMakeLists.txt").read_text()))
        group, _, test = name.partition(".")
        # In C++ the class may be in a header of its own, so the test itself is looked for.
        kinds = {"py": rf"(?s)class {group}\b.*\b{test}\(", "cpp": rf"TEST_F\({group}, {test}\b"}
        return any(re.search(pattern, path.read_text()) for kind, pattern in kinds.items()
                   for path in (SOURCE / "tests").rglob(f"*.{kind}"))  # fmt: skip

    def test_each_place_has_tests_that_there_are(self):
        page, _, _ = (SOURCE / "docs/guides/where-it-runs.md").read_text().partition("\n## ")
        rows = re.findall(r"^\| (?!where)(.*) \|$", page, re.MULTILINE)
        self.assertEqual(len(rows), len(PLACES))
        for row, (where, names) in zip(rows, PLACES.items()):
            self.assertTrue(row.startswith(where), (where, row))
            for name in names.split():
                self.assertTrue(self.is_a_test(name), name)
        self.assertFalse(self.is_a_test("image:nothing") or self.is_a_test("Lifecycle.NoSuchTest"))

    def test_names_an_image_of_ones_own_for_every_container(self):
        text = (SOURCE / "docs/guides/containers.md").read_text()
        [own] = re.findall(r"^```\n(bases: .*?)^```$", text, re.MULTILINE | re.DOTALL)
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(SOURCE / "docker", Path(place) / "docker")
            (Path(place) / "kustomization.yaml").write_text(own)
            done = subprocess.run(["kubectl", "kustomize", place], capture_output=True, text=True, check=True)
        images = re.findall(r"image: (.*)", done.stdout)
        self.assertEqual(images, ["registry.example.org/team/my-capsule:1"] * 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
