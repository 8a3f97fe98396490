"""Memory at start and after many requests, and whether an idle daemon sleeps."""

import time

from servers import Place, resp, rpc
from throughput import METHODS, Target, reply_size, request_of

IDLE_S = 5


def memory(place: Place, requests: int) -> dict:
    """Both servers fresh, the same number of requests each: capsuled all methods in turn, Redis a GET of as many bytes."""
    servers = {"capsuled": place.capsuled("memory").start(), "redis": place.redis("memory-redis").start()}
    capsuled, redis = servers["capsuled"], servers["redis"]
    try:
        capsuled.ask(rpc("status", {}, "1").encode())
        redis.ask(resp("PING").encode(), b"\r\n")
        at_start = {name: server.memory_kib() for name, server in servers.items()}
        size = sum(reply_size(place, capsuled, method) for method in METHODS) // len(METHODS)
        redis.ask(resp("SET", "v", "v" * size).encode(), b"\r\n")
        part = requests // len(METHODS)
        for method in METHODS:
            request, expected = request_of(place, method)
            Target(capsuled, request, 0, expected).load(place, 50, 16, "--requests", str(part), "--warm-up", "0")
        reply = len(f"${size}\r\n\r\n") + size
        Target(redis, resp("GET", "v"), reply).load(place, 50, 16, "--requests", str(requests), "--warm-up", "0")
        after = {name: server.memory_kib() for name, server in servers.items()}
    finally:
        for server in servers.values():
            server.stop()
    return {"requests": requests, "at_start": at_start, "after": after}


def idle(place: Place) -> dict:
    """Wake-ups of a daemon that has worked and has nothing to do."""
    capsuled = place.capsuled("idle").start()
    try:
        for method in METHODS:
            reply_size(place, capsuled, method)
        time.sleep(1)
        before = capsuled.wake_ups()
        time.sleep(IDLE_S)
        return {"seconds": IDLE_S, "wake_ups": capsuled.wake_ups() - before}
    finally:
        capsuled.stop()
