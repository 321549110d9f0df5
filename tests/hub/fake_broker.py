"""Stands in for `broker.Broker` in the tests of the writer; `test_broker.py` has the contract."""

import threading


class FakeBroker:
    """Records what is published, and acknowledges it unless it is told to hold back."""

    def __init__(self, ears):
        self._ears = ears
        self._lock = threading.Lock()
        self._online = False
        self._unacknowledged = []
        self.holds_back = False
        self.sent = []
        self.requests = []
        self.answer = lambda node, verb, payload: None

    def start(self):
        self.come_back()

    def come_back(self):
        self._online = True
        self._ears.connected()

    def go_away(self):
        self._online = False
        with self._lock:
            self._unacknowledged.clear()  # nothing old is ever acknowledged later
        self._ears.disconnected("connection refused")

    def publish(self, publication, token=None):
        if not self._online:
            return
        with self._lock:
            self.sent.append(publication)
            if self.holds_back:
                self._unacknowledged.append(token)
                return
        if token is not None:
            self._ears.published(token)

    def request(self, node, verb, payload, expiry_s):
        if self._online:
            self.requests.append((node, verb))
            self.answer(node, verb, payload)

    def stop(self, farewell):
        self.publish(farewell)
        self._online = False

    def payloads(self, topic):
        """Return what was published on a topic so far."""
        with self._lock:
            return [one.payload for one in self.sent if one.topic == topic]
