"""Whose a server is that has a proxy's address: of this machine, however it is reached, or of another one."""

import os
import unittest

from case import Case
from harness import request


@unittest.skipIf(os.geteuid(), "needs root to be another user, and to make networks")
class ServersOfOthers(Case):
    def test_get_no_password_of_a_proxys_at_any_address_of_this_machine(self):
        """0.0.0.0 and :: lead to the loopback; 192.0.2.7 is an interface's first address, from which its other one is reached."""
        place = self.network("ip link set lo up && ip link add card type veth peer name other && ip link set card up && ip link set other up && "
                             "ip address add 192.0.2.7/24 dev card && ip address add 192.0.2.8/24 dev card")
        rows = [("takes", host) for host in ("127.0.0.2", "0.0.0.0", "::", "192.0.2.7", "192.0.2.8", "::ffff:192.0.2.8")]
        for does, host in rows + [("is bound to card", "192.0.2.7"), ("is bound to card", "192.0.2.8")]:
            with self.subTest(host, does=does):
                server, url = self.server(does, host.removeprefix("::ffff:"), wrapper=place)
                at = f"[{host}]" if ":" in host else host
                broker = self.broker(wrapper=place, proxy=f"http://user:FAKE-word@{at}:{url.split(':')[2].partition('/')[0]}")
                broker.grant(base_url="https://provider.example/api/anthropic")
                reply = self.ask(broker)
                self.refused(reply, 502, "capsule_upstream_unreachable")
                self.assertIn(("uid 4711" if does == "takes" else "an unknown user") + " listens there", reply.error["message"])
                self.assertEqual(server.stdout.readline(), "b''\n")

    def test_of_another_machine_get_a_proxys_password(self):
        """Whose that one's servers are is not to be known here."""
        other = self.network("ip link set lo up")
        theirs = other[1].removeprefix("--net=")
        place = self.network(f"ip link add to-other type veth peer name to-us netns {theirs.split('/')[2]} && ip address add 192.0.2.1/24 dev to-other && "
                             f"ip link set to-other up && nsenter --net={theirs} sh -c 'ip address add 192.0.2.2/24 dev to-us && ip link set to-us up'")
        server, url = self.server("takes", "192.0.2.2", wrapper=other)
        broker = self.broker(wrapper=place, proxy=f"http://user:FAKE-word@192.0.2.2:{url.split(':')[2].partition('/')[0]}")
        broker.grant(base_url="https://provider.example/api/anthropic")
        self.connect(broker).sendall(request(broker.port))
        self.assertIn("Proxy-Authorization: Basic", server.stdout.readline())


if __name__ == "__main__":
    unittest.main()
