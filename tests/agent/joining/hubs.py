"""A small hub for joins: TLS, one authority, tokens that it is told. Uses the hub's own PKI."""

import contextlib
import http.server
import json
import ssl
import threading
import time

from cryptography.hazmat.primitives.asymmetric import ec

from skerry_hub.joining.renew import NOT_ENROLLED
from skerry_hub.pki import authority, csr, leaves
from skerry_hub.pki.authority import private_pem
from skerry_wire import joining
from skerry_wire.joining import Enrolled, JoinRequest, RenewRequest

ORDER_KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqo="[:43].ljust(43, "A") + "="
DAY_S = 86_400.0


def of(folder, name="ca"):
    return authority.read(authority.fresh(time.time()), name)


class Hub:
    """Answers joins and renewals; `enrolled` is node ids by digest of key."""

    def __init__(self, folder, *, names=("localhost", "127.0.0.1"), kind="hub", life_s=90 * DAY_S):
        self.folder = folder
        self.authority = of(folder)
        self.tokens = {}
        self.enrolled = {}
        self.issued = {}
        self.requests = []
        self.life_s = life_s
        self.broker = "mqtts://localhost:8883"
        self.order_keys = (ORDER_KEY,)
        self.answer_with = None
        self.shown_authority = None
        self.hubs = ()
        self.kind = kind
        self.names = names
        self.revoked = set()
        self.asks_certificates = False
        self.server = None
        self.lock = threading.Lock()

    @property
    def pin(self):
        return self.authority.pin

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def start(self, port=0):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                shown = hub.shown_authority or hub.authority.pem
                self._say(*((200, shown) if self.path == "/ca.pem" else (404, b"{}")))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with hub.lock:
                    hub.requests.append((self.path, body))
                    self._say(*hub.answer(self.path, body))

            def _say(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.server.socket = self._context().wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def _context(self):
        key = ec.generate_private_key(ec.SECP256R1())
        when = leaves.stamp(time.time(), DAY_S)
        make = leaves.hub if self.kind == "hub" else leaves.broker
        certificate = make(self.authority, self.names, key.public_key(), when)
        path = self.folder / f"server-{self.kind}.pem"
        path.write_bytes(private_pem(key) + leaves.pem(certificate).encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if self.asks_certificates:
            context.load_verify_locations(cadata=self.authority.pem.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    def answer(self, path, body):
        if self.answer_with is not None:
            return self.answer_with
        if path == joining.JOIN_PATH:
            return self._join(joining.from_json(JoinRequest, body))
        if path == joining.RENEW_PATH:
            return self._renew(joining.from_json(RenewRequest, body))
        return refusal(404, "there is nothing here")

    def _join(self, asked):
        public = csr.public_key_of(asked.csr)
        digest = csr.key_digest(public)
        allowed = self.tokens.get(asked.token)
        if allowed is None:
            return refusal(401, "the token is not valid (any more): ask for a new one")
        if asked.keeps_id and allowed not in (True, asked.node):
            return refusal(409, f"this box is node {asked.node}; the token is for node {allowed}")
        node = self.enrolled.get(digest, asked.node if allowed is True else allowed)
        holder = next((key for key, one in self.enrolled.items() if one == node), digest)
        if holder != digest:
            return refusal(409, f"node {node} is enrolled with another key")
        self.enrolled[digest] = node
        return 200, self._told(node, public)

    def _renew(self, asked):
        public = csr.public_key_of(asked.csr)
        node = self.enrolled.get(csr.key_digest(public))
        if node is None or node in self.revoked:
            return refusal(403, NOT_ENROLLED)
        return 200, self._told(node, public)

    def _told(self, node, public):
        when = leaves.stamp(time.time(), self.life_s)
        certificate = leaves.node(self.authority, node, public, when)
        self.issued.setdefault(node, []).append(certificate)
        ca = self.authority.pem.decode()
        told = Enrolled(
            node=node,
            certificate=leaves.pem(certificate),
            ca=ca,
            broker=self.broker,
            broker_ca=ca,
            hubs=self.hubs,
            order_keys=self.order_keys,
            lifetime_s=self.life_s,
            renew_after_s=self.life_s * 2 / 3,
        )
        return joining.to_json(told)


def refusal(status, reason):
    return status, json.dumps({"problems": [{"reason": reason}]}).encode()


@contextlib.contextmanager
def running(hub):
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()
