"""The AsyncAPI 3 document of the topics, made from the same classes that the codec uses. Pure."""

from __future__ import annotations

import inspect
from typing import Any

from skerry_wire import __version__, capability, codec, messages, order_keys, topics
from skerry_wire.frozen import frozen
from skerry_wire.jsonschema import definitions
from skerry_wire.topics import NodeTopic

Document = dict[str, Any]
SCHEMAS = "#/components/schemas/"


@frozen(kw_only=True)
class Channel:
    """One topic as the contract has it: who sends what, and how the broker treats it."""

    name: str
    topic: topics.Topic
    sender: str
    qos: int
    retained: bool
    expires: bool
    message: type | None
    """The class on the wire; None where the hub publishes JSON that its own views describe."""
    what: str


_NODE = "node"
_VERB = "verb"
_NAME = "workload"

CHANNELS = (
    Channel(
        name="presence",
        topic=topics.Node(_NODE, NodeTopic.PRESENCE),
        sender="agent",
        qos=1,
        retained=True,
        expires=False,
        message=messages.Presence,
        what="online or offline; also the agent's last will, which the broker delays",
    ),
    Channel(
        name="capability",
        topic=topics.Node(_NODE, NodeTopic.CAPABILITY),
        sender="agent",
        qos=1,
        retained=True,
        expires=False,
        message=capability.Capability,
        what="the whole capability, at each connection and change",
    ),
    Channel(
        name="heartbeat",
        topic=topics.Node(_NODE, NodeTopic.HEARTBEAT),
        sender="agent",
        qos=0,
        retained=False,
        expires=True,
        message=messages.Heartbeat,
        what="load, capability revision and reached generation; jittered",
    ),
    Channel(
        name="report",
        topic=topics.Node(_NODE, NodeTopic.REPORT),
        sender="agent",
        qos=1,
        retained=True,
        expires=False,
        message=messages.Report,
        what="the instances, and the generation reached",
    ),
    Channel(
        name="event",
        topic=topics.Node(_NODE, NodeTopic.EVENT),
        sender="agent",
        qos=1,
        retained=False,
        expires=True,
        message=messages.Event,
        what="what happened: plugged, unplugged, running, exited, refused, ...",
    ),
    Channel(
        name="reply",
        topic=topics.Node(_NODE, NodeTopic.REPLY),
        sender="agent",
        qos=1,
        retained=False,
        expires=True,
        message=messages.Reply,
        what="the answer to a request, with its correlation data",
    ),
    Channel(
        name="order",
        topic=topics.Node(_NODE, NodeTopic.ORDER),
        sender="hub",
        qos=1,
        retained=True,
        expires=False,
        message=messages.Envelope,
        what="the signed order, compressed above 1 KiB; the newest generation wins",
    ),
    Channel(
        name="targets",
        topic=topics.Node(_NODE, NodeTopic.TARGETS),
        sender="hub",
        qos=1,
        retained=True,
        expires=False,
        message=messages.Envelope,
        what="signed: where the node may measure round-trip times to; the newest list counts",
    ),
    Channel(
        name="keys",
        topic=topics.Node(_NODE, NodeTopic.KEYS),
        sender="hub",
        qos=1,
        retained=True,
        expires=False,
        message=order_keys.KeyChanges,
        what="signed one by one: changes of the keys that sign orders, those that the node lacks",
    ),
    Channel(
        name="lease",
        topic=topics.Node(_NODE, NodeTopic.LEASE),
        sender="agent",
        qos=0,
        retained=False,
        expires=True,
        message=messages.LeaseRequest,
        what="while the node has instances with a lease: please renew, by this challenge",
    ),
    Channel(
        name="grant",
        topic=topics.Node(_NODE, NodeTopic.GRANT),
        sender="hub",
        qos=0,
        retained=False,
        expires=True,
        message=messages.Envelope,
        what="signed: which instances may run on, and for how long from the challenge",
    ),
    Channel(
        name="request",
        topic=topics.NodeRequest(_NODE, _VERB),
        sender="hub",
        qos=1,
        retained=False,
        expires=True,
        message=messages.Request,
        what="a question to one node: probe, order, challenge, instance (signed)",
    ),
    Channel(
        name="hubPresence",
        topic=topics.HubPresence(),
        sender="hub",
        qos=1,
        retained=True,
        expires=False,
        message=None,
        what="whether the hub is there; also its last will",
    ),
    Channel(
        name="nodeView",
        topic=topics.NodeView(_NODE),
        sender="hub",
        qos=1,
        retained=True,
        expires=False,
        message=None,
        what="one node as the hub sees it, on change, at most every 5 s",
    ),
    Channel(
        name="nodeViewEvent",
        topic=topics.NodeViewEvent(_NODE),
        sender="hub",
        qos=1,
        retained=False,
        expires=True,
        message=None,
        what="an event of one node",
    ),
    Channel(
        name="workloadView",
        topic=topics.WorkloadView(_NAME),
        sender="hub",
        qos=1,
        retained=True,
        expires=False,
        message=None,
        what="one workload as the hub sees it, on change",
    ),
)
"""Every topic of the contract, in the order in which it is documented."""


def document(views: dict[str, type]) -> Document:
    """Return the AsyncAPI document. `views` gives the class of each JSON channel by its name."""
    classes = {channel.name: channel.message or views[channel.name] for channel in CHANNELS}
    signed = {
        "Order": messages.Order,
        "Targets": messages.Targets,
        "KeyChange": order_keys.KeyChange,
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Skerry",
            "version": __version__,
            "description": "What nodes and hub say to each other over MQTT 5. Messages of nodes "
            "are msgpack, views of the hub JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": codec.CONTENT_TYPE,
        "channels": {channel.name: _channel(channel, classes) for channel in CHANNELS},
        "operations": {channel.name: _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {channel.name: _message(channel, classes) for channel in CHANNELS},
            "schemas": definitions([*classes.values(), *signed.values()], ref=SCHEMAS),
        },
    }


def _channel(channel: Channel, classes: dict[str, type]) -> Document:
    address = str(channel.topic)
    parameters = {}
    for name, places in (
        (_NODE, ("nodes", "fleet")),
        (_VERB, ("request",)),
        (_NAME, ("workloads",)),
    ):
        for place in places:
            if f"/{place}/{name}" in address:
                address = address.replace(f"/{place}/{name}", f"/{place}/{{{name}}}")
                parameters[name] = {"description": f"the {name}'s name: a DNS label"}
    document: Document = {
        "address": address,
        "messages": {
            classes[channel.name].__name__: {"$ref": f"#/components/messages/{channel.name}"}
        },
        "bindings": {"mqtt": {"bindingVersion": "0.2.0"}},
    }
    if parameters:
        document["parameters"] = parameters
    return document


def _operation(channel: Channel) -> Document:
    return {
        "action": "send",
        "title": f"sent by the {channel.sender}",
        "summary": channel.what,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "bindings": {
            "mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": "0.2.0"}
        },
    }


def _message(channel: Channel, classes: dict[str, type]) -> Document:
    cls = classes[channel.name]
    kind = codec.CONTENT_TYPE if channel.message else "application/json"
    expiry = " It expires." if channel.expires else ""
    return {
        "name": cls.__name__,
        "contentType": kind,
        "summary": (inspect.getdoc(cls) or "").split("\n", 1)[0] + expiry,
        "payload": {"$ref": SCHEMAS + cls.__name__},
    }
