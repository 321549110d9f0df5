"""A hub with its API over HTTP, and one who asks it: answers are what its own document says."""

import contextlib
import functools
import http.client
import json
import socket
import threading

import jsonschema
import pytest
import uvicorn
from tests.hub.rig import Rig

from lab.processes import wait_for
from skerry_hub.access.access import Access
from skerry_hub.api import app as api
from skerry_hub.api.connections import Connection

SHOP = """\
services:
  web:
    image: localhost/web:1
    labels: {tier: front}
    deploy: {replicas: 2}
"""


class Client:
    """What is asked, and the answer as status and JSON."""

    def __init__(self, port, document):
        self._port = port
        self._document = document

    def ask(self, method, path, body=None, **headers):
        status_, _, data = self.raw(method, path, body, **headers)
        found = json.loads(data)
        if status_ >= 400:
            assert found["problems"], "every error says what is wrong"
            self._valid(found, {"$ref": "#/components/schemas/Problems"})
        return status_, found

    def raw(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            data = json.dumps(body) if isinstance(body, dict) else body
            given = {key.replace("_", "-"): text for key, text in headers.items()}
            connection.request(method, path, data, given)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def get(self, path, template=None):
        """Return what a GET gives, which its schema must allow."""
        status_, found = self.ask("GET", path)
        assert status_ == 200, found
        self.fits("get", template or path.partition("?")[0], found)
        return found

    def fits(self, method, template, found):
        schema = self._document["paths"][template][method]["responses"]["200"]["content"]
        self._valid(found, schema["application/json"]["schema"])

    def _valid(self, found, schema):
        whole = {**self._document, **schema}
        jsonschema.Draft202012Validator(whole).validate(found)

    def apply(self, text=SHOP, how="apply", **fields):
        files = [{"name": "shop.yaml", "project": "shop", "text": text}]
        status_, found = self.ask("POST", f"/api/v1/{how}", {"files": files, **fields})
        if status_ == 200:
            self.fits("post", f"/api/v1/{how}", found)
        return status_, found


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path).start()
    yield rig
    rig.stop()


document = functools.cache(api.openapi_document)
"""What the API says of itself; test_app.py compares that with what is served."""


@contextlib.contextmanager
def served(service, access, enrolling=None, rates=None, **options):
    """Serve the API as the hub does."""
    app = api.create(service, access, enrolling, rates)
    given = {"http": Connection, "log_config": None, "timeout_graceful_shutdown": 1, **options}
    server = uvicorn.Server(uvicorn.Config(app, **given))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    wait_for("the server", lambda: server.started)
    try:
        yield Client(listening.getsockname()[1], document())
    finally:
        server.should_exit = True
        thread.join(10)
        access.audit.stop()


@pytest.fixture
def client(rig):
    with served(rig.service, Access(rig.store, tokens=False)) as client:
        yield client
