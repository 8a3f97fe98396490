"""Both capsuleds with [broker] remote start anew, and the sessions go on."""

import json
import os
import re
import shutil
import signal
import unittest

from capsule import Session, until
from remote import ROOT, Remote, free_port


class Restarts(Remote):
    def test_the_grants_end_with_the_connection(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        agents.kill()
        self.assertTrue(until(lambda: self.states(keys) == {}))
        self.assertTrue(until(lambda: session.ask().status == 401), "after the seconds in which it may be granted anew")
        self.refused(session.ask(), 401, "capsule_session_ended")

    def test_its_own_restart_ends_no_session(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        agents.kill()
        agents.start()
        self.assertTrue(until(session.answered), agents.logged())
        self.assertEqual(len(self.states(keys)), 1)

    def test_sessions_go_on_when_it_comes_back_with_nothing_kept(self):
        keys, agents, provider = self.two()
        sessions = [self.spawn(agents) for _ in range(3)]
        for _ in range(3):
            keys.kill()
            self.assertTrue(until(lambda: not sessions[0].answered()), "the broker ends with its daemon")
            keys.end_holder()
            shutil.rmtree(keys.top / "state")
            keys.start()
            for session in sessions:
                self.assertTrue(until(session.answered), agents.logged())
        agents.call("sessions.end", id=sessions[0].id)
        self.assertTrue(until(lambda: not sessions[0].answered()))
        self.assertTrue(sessions[1].answered())
        self.assertEqual(len(self.states(keys)), 2)

    def test_no_agent_is_told_that_its_session_has_ended_meanwhile(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        for end in (keys.kill, keys.stop):
            end()
            keys.end_holder()
            shutil.rmtree(keys.top / "state")
            keys.start()
            seen = []
            self.assertTrue(until(lambda: self.status_of(session, seen) == 200), agents.logged())
            self.assertLessEqual(set(seen), {0, 200, 503}, "an agent asks again after these")

    def test_nor_before_its_token_is_asked_for_anew(self):
        for own_user in ("spawn", "admin"):
            with self.subTest(own_user=own_user):
                provider = self.provider()
                keys = self.keys_capsule(provider, own_user=own_user)
                agents = self.agents_capsule(provider, keys.socket)
                session = self.spawn(agents)
                for end in (keys.kill, keys.stop):
                    end()
                    if own_user == "spawn":
                        keys.end_holder()
                        shutil.rmtree(keys.top / "state")
                    os.kill(agents.process.pid, signal.SIGSTOP)
                    try:
                        keys.start()
                        seen = []
                        self.assertTrue(until(lambda seen=seen: self.status_of(session, seen)), keys.logged())
                        self.assertEqual(seen[-1], 503)
                    finally:
                        os.kill(agents.process.pid, signal.SIGCONT)
                    self.assertTrue(until(session.answered), agents.logged())

    def test_nor_when_the_one_that_asks_for_it_starts_anew(self):
        """Once with the grant of its first connection, and once with a later one's."""
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        for end in (agents.kill, agents.stop):
            end()
            self.assertTrue(until(lambda: self.states(keys) == {}))
            self.refused(session.ask(), 503, "capsule_starting")
            agents.start()
            seen = []
            self.assertTrue(until(lambda seen=seen: self.status_of(session, seen) == 200), agents.logged())
            self.assertLessEqual(set(seen), {200, 503})

    def test_but_when_its_user_ends_it(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        agents.call("sessions.end", id=session.id)
        self.assertTrue(until(lambda: self.states(keys) == {}))
        self.refused(session.ask(), 401, "capsule_session_ended")

    def status_of(self, session: Session, seen: list[int]) -> int:
        try:
            seen.append(session.ask().status)
        except OSError:
            seen.append(0)
        return seen[-1]

    def test_a_session_that_ended_meanwhile_does_not_come_back(self):
        keys, agents, _ = self.two()
        session, other = self.spawn(agents), self.spawn(agents)
        keys.kill()
        agents.call("sessions.end", id=session.id)
        keys.start()
        self.assertTrue(until(other.answered), agents.logged())
        self.assertTrue(until(lambda: session.ask().status == 401), "after the seconds in which a token may be granted anew")
        self.refused(session.ask(), 401, "capsule_session_ended")

    def test_a_broker_at_another_address_ends_them(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        agents = self.agents_capsule(provider, keys.socket)
        session = self.spawn(agents)
        keys.kill()
        user = 'user = "daemon"\n' if ROOT else ""
        keys.config(provider.port, f'[broker]\n{user}listen = {free_port()}\n[access]\nown_user = "spawn"\n')
        keys.start()
        self.assertTrue(until(lambda: self.states(agents) == {}), agents.logged())
        [ended] = agents.call("sessions.list", all=True)["sessions"]
        self.assertEqual(ended["id"], session.id)
        self.assertIn("[broker] listen", ended["ended"])

    def test_one_whose_provider_has_another_address_meanwhile_gets_no_key(self):
        before, after, port = self.provider(), self.provider(), free_port()
        keys = self.keys_capsule(before, port)
        agents = self.agents_capsule(before, keys.socket)
        session, kept_by_an_older_one = self.spawn(agents), self.spawn(agents)
        self.assertEqual(agents.stop(), 0)
        file = agents.top / f"state/sessions/{kept_by_an_older_one.id}.json"
        kept = json.loads(file.read_text())
        kept["session"].pop("remote_provider_url", None)
        file.write_text(json.dumps(kept))
        agents.start()
        self.assertTrue(until(session.answered), agents.logged())
        self.assertTrue(until(kept_by_an_older_one.answered), agents.logged())
        file = keys.top / "capsule.toml"
        text = file.read_text()
        keys.kill()
        file.write_text(text.replace(f":{before.port}/", f":{after.port}/"))
        keys.start()
        for each in session, kept_by_an_older_one:
            told = re.compile(rf"session={each.id} .*cannot be granted anew yet: .*the address of Z.AI has changed since")
            self.assertTrue(until(lambda told=told: told.search(agents.logged())), agents.logged())
            self.assertIn(each.id, self.keyless(agents))
            self.assertFalse(each.answered())
        self.assertEqual(after.bytes, b"")
        self.assertEqual(self.spawn(agents).ask().status, 200)
        keys.kill()
        file.write_text(text)
        keys.start()
        for each in session, kept_by_an_older_one:
            self.assertTrue(until(each.answered), agents.logged())

    def test_a_reload_after_the_first_grant_leaves_the_broker_running(self):
        provider = self.provider()
        keys = self.keys_capsule(provider, own_user="admin")
        agents = self.agents_capsule(provider, keys.socket)
        session = self.spawn(agents)
        first = keys.broker_pid()
        keys.call("reload")
        for _ in range(10):  # one that is started anew is away for the first of these
            self.assertEqual(keys.call("status")["broker"]["state"], "running")
        self.assertEqual(session.ask().status, 200)
        self.assertEqual(keys.broker_pid(), first)


if __name__ == "__main__":
    unittest.main(verbosity=2)
