"""Whose a server is that has a proxy's address: of this machine, however it is reached, or of another one."""

import os
import re
import tempfile
import unittest

from case import Case, inside
from harness import request


@unittest.skipIf(os.geteuid(), "needs root to be another user, and to make networks")
class ServersOfOthers(Case):
    def test_get_no_password_of_a_proxys_at_any_address_of_this_machine(self):
        """0.0.0.0 and :: lead to the loopback; 192.0.2.7 is an interface's first address, from which its other one is reached.
        So is all of 198.51.100.0/24, though no interface has an address there."""
        place = self.network("ip link set lo up && ip link add card type veth peer name other && ip link set card up && ip link set other up && "
                             "ip address add 192.0.2.7/24 dev card && ip address add 192.0.2.8/24 dev card && "
                             "ip route add local 198.51.100.0/24 dev card src 192.0.2.7 && ip address add 2001:db8::7/64 dev card nodad && "
                             "ip address add 2001:db8::8/64 dev card nodad")
        bound = ("192.0.2.7", "192.0.2.8", "198.51.100.9", "2001:db8::8")
        rows = [("takes", host) for host in ("127.0.0.2", "0.0.0.0", "::", "192.0.2.7", "192.0.2.8", "::ffff:192.0.2.8")]
        for does, host in rows + [("is bound to card", host) for host in bound]:
            with self.subTest(host, does=does), inside(place):
                server, url = self.server(does, host.removeprefix("::ffff:"))
                at = f"[{host}]" if ":" in host else host
                broker = self.broker(proxy=f"http://user:FAKE-word@{at}:{url.split(':')[2].partition('/')[0]}")
                broker.grant(base_url="https://provider.example/api/anthropic")
                reply = self.ask(broker)
                self.refused(reply, 502, "capsule_upstream_unreachable")
                self.assertIn(("uid 4711" if does == "takes" else "an unknown user") + " listens there", reply.error["message"])
                self.assertEqual(server.stdout.readline(), "b''\n")

    def elsewhere(self, *sysctls: str) -> tuple:
        """A server on another machine that takes one connection, as what a proxy is, and what begins a command on this one."""
        other = self.network("ip link set lo up")
        theirs = other[1].removeprefix("--net=")
        place = self.network(" && ".join((
            "ip link set lo up", f"ip link add to-other type veth peer name to-us netns {theirs.split('/')[2]}", "ip address add 192.0.2.1/24 dev to-other",
            "ip address add 2001:db8::1/64 dev to-other nodad", "ip link set to-other up", *(f"sysctl -qw {each}" for each in sysctls),
            f"nsenter --net={theirs} sh -c 'ip address add 192.0.2.2/24 dev to-us && ip address add 2001:db8::2/64 dev to-us nodad && ip link set to-us up'")))
        return other, place

    def sends_a_password(self, host: str, other: list[str], place: list[str], wrapper=()):
        server, url = self.server("takes", host, wrapper=other)
        at = f"[{host}]" if ":" in host else host
        with inside(place):
            broker = self.broker(wrapper=wrapper, proxy=f"http://user:FAKE-word@{at}:{url.split(':')[2].partition('/')[0]}")
            broker.grant(base_url="https://provider.example/api/anthropic")
            self.connect(broker).sendall(request(broker.port))
        self.assertIn("Proxy-Authorization: Basic", server.stdout.readline())

    def test_of_another_machine_get_a_proxys_password(self):
        """Whose that one's servers are is not to be known here. A machine that may take any address has not each as its own."""
        other, place = self.elsewhere("net.ipv4.ip_nonlocal_bind=1", "net.ipv6.ip_nonlocal_bind=1")
        for host in ("192.0.2.2", "2001:db8::2"):
            with self.subTest(host):
                self.sends_a_password(host, other, place)

    def test_what_is_asked_about_an_address_waits_for_no_lock_that_any_user_can_hold(self):
        """To list interfaces or their addresses takes one in the kernel (RTNL). The thread that looks names up may."""
        other, place = self.elsewhere()
        with tempfile.NamedTemporaryFile("r") as trace:
            self.sends_a_password("192.0.2.2", other, place, ["strace", "-f", "-qq", "-o", trace.name, "-e", "trace=sendto,ioctl"])
            lines = trace.read().splitlines()
        asked = [line for line in lines if line.split()[0] == lines[0].split()[0]]
        self.assertTrue(any("CONNECT " in line for line in asked), lines)
        # RTM_GETLINK, RTM_GETADDR, ioctl's names: strace knows a socket of netlink's from its begin on alone.
        self.assertEqual([line for line in asked if re.search("RTM_GET(LINK|ADDR)|nlmsg_type=0x1[26] |SIOC", line)], [])


if __name__ == "__main__":
    unittest.main()
