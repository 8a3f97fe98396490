"""The Compose files and docker/kubernetes as data, and the latter's Pods as processes."""

import functools
import os
import shlex
import signal
import subprocess
from pathlib import Path

import yaml
from storage import SOURCE, Container, descendants, find_process

ANY_UID = 1000620000  # as OpenShift gives


def compose(file: str) -> dict:
    return yaml.safe_load((SOURCE / "docker" / file).read_text())


@functools.cache
def render(overlay: str) -> list[dict]:
    """The objects of docker/kubernetes/overlays/…"""
    place = SOURCE / "docker/kubernetes/overlays" / overlay
    done = subprocess.run(["kubectl", "kustomize", place], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def only(objects: list[dict], kind: str) -> dict:
    [found] = [each for each in objects if each["kind"] == kind]
    return found


def pod(overlay: str) -> dict:
    """The spec of its Pods."""
    return only(render(overlay), "Deployment")["spec"]["template"]["spec"]


class Pod:
    """The containers of an overlay: each with its user, its capabilities, its mounts and a root that cannot be written to;
    together they have a loopback, and the volumes that several of them mount."""

    def __init__(self, container: Container, entrypoint: list[str], secrets: Path, overlay: str, shared: Path):
        self.spec = pod(overlay)
        self.top, self.entrypoint, self.secrets, self.shared = container.top, entrypoint, secrets, shared
        self.network = subprocess.Popen(["unshare", "--net", "--fork", "--kill-child", "bash", "-c",
                                         "ip link set lo up && echo up && exec sleep infinity"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert self.network.stdout.readline() == "up\n"
        self.sidecars = [self.run(told) for told in self.spec.get("initContainers", [])]
        [told] = self.spec["containers"]
        self.process = self.run(told)

    def mounts(self, told: dict) -> list[str]:
        volumes = {each["name"]: each for each in self.spec["volumes"]}
        lines = []
        for mount in told["volumeMounts"]:
            name, place = mount["name"], f"{self.top}{mount['mountPath']}"
            used = [each for each in [*self.spec.get("initContainers", []), *self.spec["containers"]]
                    if name in [other["name"] for other in each["volumeMounts"]]]  # fmt: skip
            if "emptyDir" not in volumes[name]:
                lines.append(f"mount --bind {self.secrets} {place}")
            elif len(used) > 1:
                folder = self.shared / name
                folder.mkdir(exist_ok=True, parents=True)
                folder.chmod(0o777)
                lines.append(f"mount --bind {folder} {place}")
            else:
                lines.append(f"mount -t tmpfs -o mode=0777 tmpfs {place}")
            if mount.get("readOnly"):
                lines.append(f"mount -o remount,bind,ro {place}")
        return lines

    def run(self, told: dict) -> subprocess.Popen:
        top = self.top
        script = ["set -e", f"mount --bind {top} {top}", f"mount -o remount,bind,ro {top}", *self.mounts(told),
                  f"mount -t proc proc {top}/proc", f"mount --rbind /dev {top}/dev"]  # fmt: skip
        security = self.spec.get("securityContext", {}) | told["securityContext"]
        self.uid, self.gid = security.get("runAsUser", ANY_UID), security.get("runAsGroup", 0)
        groups = f"--groups={security['fsGroup']}" if "fsGroup" in security else "--clear-groups"
        added = security["capabilities"].get("add", [])
        left = "".join(f",+{name.lower()}" for name in added)
        start = ["/usr/bin/setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", groups, f"--bounding-set=-all{left}",
                 "--no-new-privs", "--", *self.entrypoint, *told["args"]]  # fmt: skip
        own = [f"{each['name']}={each['value']}" for each in told.get("env", [])]
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *own]
        script.append("exec chroot " + shlex.join([str(top), *environment, *start]))
        [holder] = descendants(self.network.pid)[:1]
        return subprocess.Popen(
            ["nsenter", f"--net=/proc/{holder[0]}/ns/net", "unshare", "--mount", "--pid", "--fork", "--kill-child", "bash",
             "-c", "\n".join(script)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip

    def end(self) -> str:
        """Gives what its containers said that nobody has read."""
        said = ""
        for each in [self.process, *self.sidecars]:
            # unshare's end is not told to a process 1 that has changed its user; with that one everything ends.
            for pid, _ in descendants(each.pid)[:1]:
                os.kill(pid, signal.SIGKILL)
            if not each.stderr.closed:
                said += each.communicate()[1]
        self.network.kill()
        self.network.wait()
        self.network.stdout.close()
        return said

    def command(self, words: tuple[str, ...]) -> list[str]:
        return ["nsenter", "--target", str(self.init()), "--mount", "--pid", "--net", "--root", "--wd", f"--setuid={self.uid}",
                f"--setgid={self.gid}", *words]  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen:
        """As `kubectl exec`."""
        return subprocess.Popen(self.command(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/bin"})  # fmt: skip

    def exec(self, *words: str) -> subprocess.CompletedProcess:
        """The same, to its end."""
        if self.init() is None:
            return subprocess.CompletedProcess(words, 1, "", "it does not run")
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def init(self) -> int | None:
        return find_process(self.process, "tini")
