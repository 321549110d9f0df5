"""The generated schemas accept what the codec accepts, and refuse the like of what it refuses."""

import base64

import jsonschema
import pytest
from tests.wire.samples import MESSAGES

from skerry_wire import codec
from skerry_wire.jsonschema import definitions, schema_of


def as_json(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: as_json(element) for key, element in value.items()}
    if isinstance(value, list):
        return [as_json(element) for element in value]
    return value


@pytest.mark.parametrize("name", MESSAGES)
def test_every_sample_fits_its_schema(name):
    schema = schema_of(type(MESSAGES[name]))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(as_json(codec.to_plain(MESSAGES[name])), schema)
    jsonschema.validate(as_json(codec.to_plain(MESSAGES[name], nulls=True)), schema)


def test_a_wrong_value_does_not_fit():
    schema = schema_of(type(MESSAGES["heartbeat"]))
    plain = codec.to_plain(MESSAGES["heartbeat"])
    for key, value in (("b", -1), ("cpu", 101), ("inc", "XYZ"), ("rtt", {"hub": "slow"})):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**plain, key: value}, schema)


def test_definitions_point_where_they_are_told():
    found = definitions([type(MESSAGES["report"])], ref="#/components/schemas/")
    own = {"InstanceStatus", "JobStatus", "PullStatus", "Refusal", "Report", "UpdateStatus"}
    assert set(found) == own | {"KeyStanding"}
    items = found["Report"]["properties"]["instances"]["items"]
    assert items == {"$ref": "#/components/schemas/InstanceStatus"}
