"""A hub whose API asks for tokens, with a site of its own within a fleet."""

import base64
import contextlib

import sqlalchemy as sa
from tests.hub.api.conftest import served

from skerry_hub import tables
from skerry_hub.access import issuing
from skerry_hub.access.access import Access
from skerry_hub.access.roles import ROLES
from skerry_hub.access.scope import scope_of

SITE = "quay-3"
SCOPE = f"site={SITE}"
FILE = """\
name: {name}
services:
  web:
    image: localhost/web:1
    deploy:
      placement:
        constraints: [node.labels.site == {site}]
"""
POLICY = """\
kind: Reservation
name: home
selector: tier=batch
cpu: 0.5
"""


def compose(name, site, replicas=1, more=""):
    return FILE.format(name=name, site=site) + more


def files(text, name="shop.yaml"):
    return {"files": [{"name": name, "text": text}]}


class Guarded:
    """The client of one hub, and tokens for it."""

    def __init__(self, rig, client, access):
        self.rig, self.client, self.access = rig, client, access
        self.tokens = {}

    def token(self, role, scope=""):
        """Return the token of a role and scope, made when it is first asked for."""
        key = (role, scope)
        if key not in self.tokens:
            name = f"{role}-of-{scope.replace('=', '-') or 'all'}"
            # No admin with a scope is made any more, but there may be one, and he is held to it.
            made = "operator" if scope else role
            wish = issuing.Wish(name=name, role=ROLES[made], scope=scope_of(scope))
            self.tokens[key] = issuing.create(self.access.store, wish, "hub")[1]
            with self.access.store.aside() as connection:
                table = tables.api_tokens
                this = table.c.name == name
                connection.execute(sa.update(table).where(this).values(role=role))
            self.access.callers.load()
        return self.tokens[key]

    def ask(self, method, path, body=None, role=None, scope="", token=None):
        """Ask as somebody; without role and token, as nobody."""
        text = self.token(role, scope) if role else token
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        return self.client.ask(method, path, body, **headers)

    def get(self, path, role="viewer", scope=SCOPE):
        status, found = self.ask("GET", path, role=role, scope=scope)
        assert status == 200, found
        return found

    def rows(self):
        """Return the audit log."""
        return self.get("/api/v1/audit?after=0&limit=1000", "admin", "")["items"]


@contextlib.contextmanager
def guarded(rig, **options):
    """Serve a fleet of two sites: box-1 and here-web of quay-3, box-2 and there-web of quay-4."""
    access = Access(rig.store)
    with served(rig.service, access, **options) as client:
        found = Guarded(rig, client, access)
        rig.join("box-1", "box-2")
        for node, site in (("box-1", SITE), ("box-2", "quay-4")):
            path = f"/api/v1/nodes/{node}/labels"
            assert found.ask("POST", path, {"set": {"site": site}}, "admin")[0] == 200
        secret = {"content": base64.b64encode(b"hunter2").decode()}
        for path, body in (
            ("apply", files(compose("here", SITE))),
            ("apply", files(compose("there", "quay-4"))),
            ("apply", files(POLICY)),
            ("secrets/db", secret),
            ("registries/r.example", {"username": "ci", "password": "hunter2"}),
        ):
            done = found.ask("POST", f"/api/v1/{path}", body, "admin")
            assert done[0] == 200, done
        rig.idle()
        yield found
