#!/usr/bin/env python3
"""podman as podman-compose 1.0.3 calls it, for a machine that may have no networks or control groups to give.

CAPSULE_PODMAN has podman's command, CAPSULE_PODMAN_RUN the options of each container, both as a shell would read them.
"""

import os
import shlex
import sys


def with_network(words: list[str]) -> list[str]:
    """That of the service that is named, else none at all. `service:` is Compose's word for what podman calls container."""
    given, network = [], "none"
    rest = iter(words)
    for word in rest:
        if word == "--network":
            network = next(rest).replace("service:", "container:docker_") + "_1"
        elif word in ("--net", "--network-alias"):
            next(rest)
        else:
            given.append(word)
    return [f"--network={network}", *given]


def main() -> None:
    command, words = shlex.split(os.environ["CAPSULE_PODMAN"]), sys.argv[1:]
    if words[0] == "build":
        return  # the image is there
    if words[0] == "run":
        words = ["run", *shlex.split(os.environ["CAPSULE_PODMAN_RUN"]), *with_network(words[1:])]
    os.execvp(command[0], [*command, *words])


if __name__ == "__main__":
    main()
