"""A service's own keys: what they become, and what is refused."""

import pytest
from tests.hub.workloads.samples import container, problems, refusals, workload

from skerry_wire.workload import Container


def test_what_is_not_said_is_left_to_the_defaults():
    assert container("") == Container(name="web", image="x")
    found = workload("")
    assert (found.name, found.project, found.labels) == ("shop-web", "shop", {})


FIELDS = [
    ("command: a 'b c' $$d", {"command": ("a", "b c", "$d")}),
    ("command: [a, 1, true, '']", {"command": ("a", "1", "true", "")}),
    ("command:", {"command": None}),
    ("command: |\n  a \\\n    b", {"command": ("a", "b")}),
    ("command: 'a \\\\\\\\ b'", {"command": ("a", "\\\\", "b")}),
    ("entrypoint: /bin/sh -c", {"entrypoint": ("/bin/sh", "-c")}),
    ("entrypoint: ~", {"entrypoint": None}),
    ("environment: {A: 1.10, B: yes}", {"environment": {"A": "1.10", "B": "yes"}}),
    ("environment: {A: 0x1F, B: 1_0}", {"environment": {"A": "0x1F", "B": "1_0"}}),
    ("environment: [A=b=c, B=]", {"environment": {"A": "b=c", "B": ""}}),
    ("environment: {A: '$$HOME $$$$'}", {"environment": {"A": "$HOME $$"}}),
    ("environment: {}", {"environment": {}}),
    ("labels: [a=1, b]", {"labels": {"a": "1", "b": ""}}),
    ("labels: {a: , b: x}", {"labels": {"a": "", "b": "x"}}),
    ("user: 1000", {"user": "1000"}),
    ("working_dir: /srv", {"working_dir": "/srv"}),
    ("restart: no", {"restart": "no"}),
    ('restart: "no"', {"restart": "no"}),
    ("restart: always", {"restart": "always"}),
    ("restart: unless-stopped", {"restart": "always"}),
    ("restart: on-failure", {"restart": "on-failure", "restart_retries": 0}),
    ("restart: on-failure:3", {"restart": "on-failure", "restart_retries": 3}),
    ("stop_signal: SIGRTMIN+3", {"stop_signal": "SIGRTMIN+3"}),
    ("stop_signal: sigint", {"stop_signal": "SIGINT"}),
    ("stop_signal: RTMAX-1", {"stop_signal": "63"}),
    ("stop_grace_period: 1m", {"stop_grace_s": 60.0}),
    ("read_only: true", {"read_only": True}),
    ("init: true", {"init": True}),
    ("privileged: true", {"privileged": True}),
    ("privileged: false", {"privileged": False}),
    ("network_mode: host", {"network": "host"}),
    ("network_mode: none", {"network": "none"}),
    ("pid: host", {"pid": "host"}),
    ("ipc: host", {"ipc": "host"}),
    ("ipc: private", {"ipc": "private"}),
    ("cap_add: [net_admin, CAP_SYS_TIME]", {"cap_add": ("NET_ADMIN", "CAP_SYS_TIME")}),
    ("cap_drop: [ALL]", {"cap_drop": ("ALL",)}),
    ("pull_policy: if_not_present", {"pull": "missing"}),
    ("pull_policy: always", {"pull": "always"}),
    ("pull_policy: never", {"pull": "never"}),
    ("x-anything: {goes: [here, $TOO]}", {}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "fields"), FIELDS)
def test_a_key_becomes_a_field(part, fields):
    assert container(part) == Container(**{"name": "web", "image": "x", **fields})


WRONG = [
    ("command: ''", "command", "is empty: leave it out"),
    ("command: []", "command", "is empty: leave it out"),
    ("command: sh -c 'x", "command", "No closing quotation"),
    ("command: {a: b}", "command", "must be a text, not a mapping"),
    ("command: [a, ~]", "command[1]", "is empty: give a value"),
    ("command: [a, [b]]", "command[1]", "must be a text, not a list"),
    ("entrypoint: []", "entrypoint", "is empty: leave it out"),
    ("environment: [A]", "environment[0]", "'A' has no value: it would come from the shell"),
    ("environment: {A: }", "environment.A", "'A' has no value: it would come from the shell"),
    ("environment: [=b]", "environment[0]", "'' is not a name"),
    ("environment: {'a=b': c}", "environment.a=b", "is not a name"),
    ("environment: [A=1, A=2]", "environment[1]", "'A' is given twice"),
    ("environment: {A: [b]}", "environment.A", "must be a text, not a list"),
    ("environment: {A: $B}", "environment.A", "has a variable"),
    ("environment: {A: '${B:-c}'}", "environment.A", "write the value, or $$ for a dollar sign"),
    ("environment: {A: 'x$'}", "environment.A", "has a variable"),
    ("environment: {A: $$$B}", "environment.A", "has a variable"),
    ("environment: [A=$B]", "environment[0]", "has a variable"),
    ("environment: A=b", "environment", "must be a mapping of keys, not 'A=b'"),
    ("environment:", "environment", "is empty: give it a value, or remove the key"),
    ("labels: {io.skerry.node: x}", "labels", "io.skerry. is for Skerry's own labels"),
    ("labels: [=x]", "labels[0]", "is not a name"),
    ("user: ''", "user", "is empty"),
    ("user: [a]", "user", "must be a text, not a list"),
    ("working_dir: srv", "working_dir", "is not an absolute path"),
    ("restart: sometimes", "restart", "must be one of no, always"),
    ("restart: on-failure:x", "restart", "must be one of no, always"),
    ("restart: false", "restart", "must be one of no, always"),
    ("stop_signal: SIGFOO", "stop_signal", "'SIGFOO' is no signal; write SIGTERM"),
    ("stop_signal: SIGTREM", "stop_signal", "did you mean SIGTERM?"),
    ("user: a b", "user", "'a b' is not a user"),
    ("user: 'a:b:c'", "user", "is not a user"),
    ("user: ':1'", "user", "is not a user"),
    ("user: 3000000000", "user", "is too large"),
    ('working_dir: "/a\\x01"', "working_dir", "is not an absolute path"),
    ("cap_add: [NET_ADMINN]", "cap_add[0]", "did you mean NET_ADMIN?"),
    ("stop_grace_period: 10", "stop_grace_period", "write 10s for seconds"),
    ("stop_grace_period: 25h", "stop_grace_period", "must be 0s to 86400s"),
    ("read_only: yes", "read_only", "must be true or false, not 'yes'"),
    ("init: 'true'", "init", "must be true or false"),
    ("privileged: 1", "privileged", "must be true or false, not '1'"),
    ("network_mode: service:db", "network_mode", "needs x-part-of: db, too"),
    ("pid: service:db", "pid", "must be one of host"),
    ("ipc: shareable", "ipc", "must be one of private, host"),
    ("cap_add: [NET-ADMIN]", "cap_add[0]", "is not a capability"),
    ("cap_add: NET_ADMIN", "cap_add", "must be a list, not 'NET_ADMIN'"),
    ("pull_policy: build", "pull_policy", "'build' is not supported: build the image before"),
    ("pull_policy: daily", "pull_policy", "must be one of missing"),
    ("cpus: 0", "cpus", "must be 0.001 to"),
    ("mem_limit: 0", "mem_limit", "must be more than 0"),
    ("scale: x", "scale", "from 0 to 100000"),
]


@pytest.mark.parametrize(("part", "field", "reason"), WRONG)
def test_a_wrong_value_is_refused_by_field_and_line(part, field, reason):
    ((line, at, said),) = refusals(part)
    assert (line, at) == (4, field)
    assert reason in said


def test_everything_wrong_is_told_at_once():
    part = "user: ''\nports: [80, '1:1', '2']\nbuild: .\nmem_limit: lots\nread_only: 1"
    assert [(line, field) for line, field, _ in refusals(part)] == [
        (4, "user"),
        (5, "ports[0]"),
        (5, "ports[2]"),
        (6, "build"),
        (7, "mem_limit"),
        (8, "read_only"),
    ]


def test_a_password_with_a_dollar_sign_is_not_repeated():
    ((_, _, reason),) = refusals("environment: {PASSWORD: hunter$two}")
    assert "hunter" not in reason
    assert "two" not in reason


def test_without_an_image():
    assert problems("services:\n  web: {}\n") == [(2, "services.web.image", "is missing")]
