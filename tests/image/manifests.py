"""compose.yaml and docker/kubernetes as data, and the latter's Pods as processes."""

import functools
import shlex
import subprocess
from pathlib import Path

import yaml
from storage import SOURCE, Container, find_process

ANY_UID = 1000620000  # as OpenShift gives


def compose() -> dict:
    return yaml.safe_load((SOURCE / "docker/compose.yaml").read_text())


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
    """The container of an overlay, with its user, its capabilities, its mounts and a root that cannot be written to."""

    def __init__(self, container: Container, entrypoint: list[str], secrets: Path, overlay: str):
        spec = pod(overlay)
        [told] = spec["containers"]
        volumes = {each["name"]: each for each in spec["volumes"]}
        top = container.top
        script = ["set -e", f"mount --bind {top} {top}", f"mount -o remount,bind,ro {top}"]
        for mount in told["volumeMounts"]:
            place = f"{top}{mount['mountPath']}"
            if "emptyDir" in volumes[mount["name"]]:
                script.append(f"mount -t tmpfs -o mode=0777 tmpfs {place}")
            else:
                script.append(f"mount --bind {secrets} {place} && mount -o remount,bind,ro {place}")
        script += [f"mount -t proc proc {top}/proc", f"mount --rbind /dev {top}/dev"]
        security = spec.get("securityContext", {}) | told["securityContext"]
        self.uid, self.gid = security.get("runAsUser", ANY_UID), security.get("runAsGroup", 0)
        groups = f"--groups={security['fsGroup']}" if "fsGroup" in security else "--clear-groups"
        added = security["capabilities"].get("add", [])
        left = "".join(f",+{name.lower()}" for name in added)
        start = ["/usr/bin/setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", groups, f"--bounding-set=-all{left}",
                 "--no-new-privs", "--", *entrypoint, *told["args"]]  # fmt: skip
        own = [f"{each['name']}={each['value']}" for each in told.get("env", [])]
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *own]
        script.append("exec chroot " + shlex.join([str(top), *environment, *start]))
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", "\n".join(script)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip

    def command(self, words: tuple[str, ...]) -> list[str]:
        return ["nsenter", "--target", str(self.init()), "--mount", "--pid", "--root", "--wd", f"--setuid={self.uid}",
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
