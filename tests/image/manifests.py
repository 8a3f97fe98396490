"""compose.yaml and kubernetes.yaml as data, and the latter's Pod as processes."""

import shlex
import subprocess
from pathlib import Path

import yaml
from storage import SOURCE, Container, find_process


def compose() -> dict:
    return yaml.safe_load((SOURCE / "docker/compose.yaml").read_text())


def pod() -> dict:
    """The one Pod of kubernetes.yaml."""
    [found] = yaml.safe_load_all((SOURCE / "docker/kubernetes.yaml").read_text())
    return found


class Pod:
    """The container of kubernetes.yaml, with its capabilities, its mounts and a root that cannot be written to."""

    def __init__(self, container: Container, entrypoint: list[str], secrets: Path):
        [spec] = pod()["spec"]["containers"]
        volumes = {each["name"]: each for each in pod()["spec"]["volumes"]}
        top = container.top
        script = ["set -e", f"mount --bind {top} {top}", f"mount -o remount,bind,ro {top}"]
        for mount in spec["volumeMounts"]:
            place = f"{top}{mount['mountPath']}"
            if "emptyDir" in volumes[mount["name"]]:
                script.append(f"mount -t tmpfs -o mode=0777 tmpfs {place}")
            else:
                script.append(f"mount --bind {secrets} {place} && mount -o remount,bind,ro {place}")
        script += [f"mount -t proc proc {top}/proc", f"mount --rbind /dev {top}/dev"]
        security = spec["securityContext"]
        left = ",".join(f"+{name.lower()}" for name in security["capabilities"]["add"])
        start = ["setpriv", f"--bounding-set=-all,{left}", "--no-new-privs", "--", *entrypoint, *spec["args"]]
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        script.append("exec chroot " + shlex.join([str(top), *environment, *start]))
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", "\n".join(script)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip

    def exec(self, *words: str) -> subprocess.CompletedProcess:
        """As `kubectl exec`."""
        inside = self.init()
        if inside is None:
            return subprocess.CompletedProcess(words, 1, "", "it does not run")
        command = ["nsenter", "--target", str(inside), "--mount", "--pid", "--root", "--wd", *words]
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL, env=environment)  # fmt: skip

    def init(self) -> int | None:
        return find_process(self.process, "tini")
