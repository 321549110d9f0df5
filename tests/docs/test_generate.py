"""The reference documents are well formed, in step, and say what is true of real messages."""

import json
import re

import jsonschema
import pytest
from docs import generate

from skerry_wire import asyncapi, codec, topics
from skerry_wire.topics import NodeTopic
from tests.wire import samples
from tests.wire.test_jsonschema import as_json

DOCUMENTS = {
    name: json.loads(text) for name, text in generate.documents().items() if name.endswith(".json")
}
ASYNCAPI, OPENAPI = DOCUMENTS["asyncapi.json"], DOCUMENTS["openapi.json"]


def references(value):
    """Yield every `$ref` anywhere in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def schemas_of(document):
    return document["$defs"] if "$defs" in document else document["components"]["schemas"]


def resolve(document, reference):
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize("name", list(generate.documents()))
def test_what_is_in_the_repository_is_in_step(name):
    written = (generate.FOLDER / name).read_text()
    assert written == generate.documents()[name], "run python docs/generate.py"


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_every_reference_leads_somewhere(name):
    found = list(references(DOCUMENTS[name]))
    assert found
    for reference in found:
        assert resolve(DOCUMENTS[name], reference) is not None


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_every_schema_is_one(name):
    for schema in schemas_of(DOCUMENTS[name]).values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "name", ["presence", "capability", "heartbeat", "report", "event", "order"]
)
def test_every_message_fits_the_schema_under_its_name(name):
    message = samples.MESSAGES[name]
    document = DOCUMENTS["messages.schema.json"]
    whole = {**document, "$ref": f"#/$defs/{type(message).__name__}"}
    jsonschema.validate(as_json(codec.to_plain(message)), whole)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([], whole)


# --- AsyncAPI -----------------------------------------------------------------------------


def test_the_asyncapi_document_has_what_version_3_asks_for():
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= ASYNCAPI["info"].keys()
    for name, channel in ASYNCAPI["channels"].items():
        placeholders = set(re.findall("{([a-z]+)}", channel["address"]))
        assert placeholders == channel.get("parameters", {}).keys(), name
        assert channel["messages"]
    for name, operation in ASYNCAPI["operations"].items():
        assert operation["action"] in ("send", "receive"), name
        assert resolve(ASYNCAPI, operation["channel"]["$ref"])
        assert operation["bindings"]["mqtt"]["qos"] in (0, 1)


def test_every_topic_is_documented_and_every_documented_one_is_a_topic():
    addresses = {channel["address"] for channel in ASYNCAPI["channels"].values()}
    for address in addresses:
        assert topics.parse(re.sub("{[a-z]+}", "x", address)) is not None, address
    for topic in NodeTopic:
        assert f"skerry/v1/nodes/{{node}}/{topic}" in addresses


FROM_NODES = [one for one in asyncapi.CHANNELS if one.message is not None]
SAMPLES = (*samples.MESSAGES.values(), samples.ENVELOPE)


@pytest.mark.parametrize("channel", FROM_NODES, ids=lambda one: one.name)
def test_real_messages_are_what_their_channel_says(channel):
    found = [one for one in SAMPLES if type(one) is channel.message]
    assert found, f"there is no sample of {channel.message.__name__}"
    validator = jsonschema.Draft202012Validator(
        {**ASYNCAPI, "$ref": f"#/components/schemas/{channel.message.__name__}"}
    )
    for one in found:
        validator.validate(as_json(codec.to_plain(one)))


# --- OpenAPI ------------------------------------------------------------------------------


def test_every_operation_of_the_api_says_what_it_is_and_how_it_refuses():
    for path, operations in OPENAPI["paths"].items():
        placeholders = set(re.findall("{([a-z]+)}", path))
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            asked = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert asked == placeholders, (method, path)
            if path.startswith("/api/v1/"):
                # A node that is asked may not answer in time.
                late = {"504"} if path.endswith(("/adopt", "/probe")) else set()
                if path.endswith(("/logs", "/exec", "/restart", "/top")):
                    late = {"502", "504"}
                found = operation["responses"].keys()
                assert found == {"200", "4XX", "503"} | late, (method, path)
