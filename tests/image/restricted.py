"""The Pod Security Standards' controls, each as a look at a Pod's spec: what the baseline refuses, and what restricted
refuses besides. After the Kubernetes documentation's table of v1.34."""

from typing import Callable, Iterator

Spec = dict
BASELINE_CAPABILITIES = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
                         "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}  # fmt: skip
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
           "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
           "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
           "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}  # fmt: skip
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def containers(spec: Spec) -> Iterator[Spec]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind, [])


def contexts(spec: Spec) -> list[dict]:
    """The Pod's, and each container's."""
    return [spec.get("securityContext", {}), *(own(each) for each in containers(spec))]


def own(container: Spec) -> dict:
    return container.get("securityContext", {})


def in_force(spec: Spec, container: Spec, name: str):
    """What counts for a container: its own word, else the Pod's."""
    return own(container).get(name, spec.get("securityContext", {}).get(name))


def capabilities(container: Spec, what: str) -> set[str]:
    return set(own(container).get("capabilities", {}).get(what, []))


def hosts_of_probes(spec: Spec) -> Iterator[str]:
    for each in containers(spec):
        handlers = [each.get(name, {}) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += each.get("lifecycle", {}).values()
        for handler in handlers:
            for way in ("httpGet", "tcpSocket"):
                yield handler.get(way, {}).get("host", "")


def selinux_is_odd(options: dict) -> bool:
    return options.get("type", "") not in SELINUX_TYPES or bool(options.get("user") or options.get("role"))


def seccomp(context: dict) -> str | None:
    return (context.get("seccompProfile") or {}).get("type")


# Each says whether the control is violated.
BASELINE: dict[str, Callable[[Spec], bool]] = {
    "HostProcess": lambda spec: any(each.get("windowsOptions", {}).get("hostProcess") for each in contexts(spec)),
    "Host Namespaces": lambda spec: any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
    "Privileged Containers": lambda spec: any(own(each).get("privileged") for each in containers(spec)),
    "Capabilities (baseline)": lambda spec: any(
        capabilities(each, "add") - BASELINE_CAPABILITIES for each in containers(spec)
    ),
    "HostPath Volumes": lambda spec: any("hostPath" in each for each in spec.get("volumes", [])),
    "Host Ports": lambda spec: any(port.get("hostPort") for each in containers(spec) for port in each.get("ports", [])),
    "Host Probes / Lifecycle Hooks": lambda spec: any(hosts_of_probes(spec)),
    "AppArmor": lambda spec: any(
        each.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in ("RuntimeDefault", "Localhost")
        for each in contexts(spec)
    ),
    "SELinux": lambda spec: any(selinux_is_odd(each.get("seLinuxOptions", {})) for each in contexts(spec)),
    "/proc Mount Type": lambda spec: any(own(each).get("procMount", "Default") != "Default" for each in containers(spec)),
    "Seccomp (baseline)": lambda spec: any(seccomp(each) == "Unconfined" for each in contexts(spec)),
    "Sysctls": lambda spec: any(
        each["name"] not in SYSCTLS for each in spec.get("securityContext", {}).get("sysctls", [])
    ),
}
RESTRICTED: dict[str, Callable[[Spec], bool]] = {
    "Volume Types": lambda spec: any(not set(each) & VOLUMES for each in spec.get("volumes", [])),
    "Privilege Escalation": lambda spec: any(
        own(each).get("allowPrivilegeEscalation") is not False for each in containers(spec)
    ),
    "Running as Non-root": lambda spec: any(
        in_force(spec, each, "runAsNonRoot") is not True for each in containers(spec)
    ),
    "Running as Non-root user": lambda spec: any(each.get("runAsUser") == 0 for each in contexts(spec)),
    "Seccomp": lambda spec: any(
        (in_force(spec, each, "seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost")
        for each in containers(spec)
    ),
    "Capabilities": lambda spec: any(
        "ALL" not in capabilities(each, "drop") or capabilities(each, "add") - {"NET_BIND_SERVICE"}
        for each in containers(spec)
    ),
}


def violated(spec: Spec, controls: dict[str, Callable[[Spec], bool]]) -> list[str]:
    return [name for name, refuses in controls.items() if refuses(spec)]
