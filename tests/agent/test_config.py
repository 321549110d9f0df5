"""Settings: which wins, and that an error names the setting."""

import pathlib

import pytest

from skerry_agent.config import ConfigError, load, of_ignored, read_labels


def of(tmp_path, text="", environment=None, **options):
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return load(path, environment or {}, options)


def test_defaults(tmp_path):
    config = of(tmp_path)
    assert config.broker is None
    assert config.joined is None
    assert config.heartbeat_s == 15.0
    assert config.node is None


def test_file_environment_and_options_in_that_order(tmp_path):
    text = 'broker = "mqtt://file"\nstate = "/file"\nheartbeat_s = 5\n'
    environment = {"SKERRY_AGENT_BROKER": "mqtt://env", "SKERRY_AGENT_STATE": "/env"}
    config = of(tmp_path, text, environment, state="/option", executor=None)
    assert config.broker.host == "env"
    assert str(config.state) == "/option"
    assert config.heartbeat_s == 5.0
    assert config.executor == "/run/skerry/executor.sock"


def test_files_may_be_credentials_of_the_unit(tmp_path):
    text = 'broker = "mqtts://h"\nbroker_key = "credential:skerry.broker-key"\nbroker_ca = "/ca"\n'
    key = "/run/credentials/skerry-agent.service/skerry.broker-key"
    assert of(tmp_path, text).broker.key == key, "who asks by hand is told of the service's"
    config = of(tmp_path, text, {"CREDENTIALS_DIRECTORY": "/run/given"})
    assert (config.broker.key, config.broker.ca) == ("/run/given/skerry.broker-key", "/ca")
    for wrong in ("credential:", "credential:../key", "credential:.."):
        with pytest.raises(ConfigError, match=r"broker_key: .* the name of a credential"):
            of(tmp_path, f'broker_key = "{wrong}"\n')


def test_labels_and_tls(tmp_path):
    text = 'broker = "mqtts://h"\nbroker_ca = "/ca"\n[labels]\nsite = "north"\n'
    config = of(tmp_path, text)
    assert config.labels == {"site": "north"}
    assert (config.broker.port, config.broker.tls, config.broker.ca) == (8883, True, "/ca")
    assert str(config.broker) == "mqtts://h:8883"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('broker = "http://x"', "broker"),
        ("broker = 5", "broker"),
        ('broker = "mqtt://user:secret@h"', "broker"),
        ('node_id = "Not_A_Label"', "node_id"),
        ("heartbeat_s = 0", "heartbeat_s"),
        ('heartbeat_s = "often"', "heartbeat_s"),
        ("heartbeat_s = nan", "heartbeat_s"),
        ('labels = "x"', "labels"),
        ("[labels]\nsite = 5", "site"),
        ('[labels]\nsite = "' + "x" * 257 + '"', "site"),
        ("[labels]\n" + "".join(f"k{i} = 'v'\n" for i in range(257)), "at most 256"),
        ('round_trips = "perhaps"', "round_trips"),
        ("round_trips = 1", "round_trips"),
        ('round_trip_networks = "10.8.0.0/16, nowhere"', "round_trip_networks"),
        ('round_trip_networks = "10.8.0.1/16"', "round_trip_networks"),
        ('round_trip_address = "box-1"', "round_trip_address"),
        ('round_trip_address = "box-1:0"', "round_trip_address"),
        ('round_trip_address = "user@box-1:22"', "round_trip_address"),
        ('round_trip_address = "box-1:22/x"', "round_trip_address"),
        ("round_trip_address = '" + "y" * 260 + ":22'", "round_trip_address"),
        ("colour = 1", "colour"),
        ("not toml", "agent.toml"),
        ("x = '" + "y" * 300_000 + "'", "agent.toml"),
    ],
)
def test_an_error_names_what_is_wrong(tmp_path, text, named):
    with pytest.raises(ConfigError, match=named) as caught:
        of(tmp_path, text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "environment", "options", "where"),
    [
        ("heartbeat_s = 0", {}, {}, "{file}: heartbeat_s must be 1 to 3600, not 0"),
        ("[labels]\nsite = 5", {}, {}, "{file}: label 'site' must be a text in quotes"),
        ("broker = 5", {}, {}, "{file}: broker must be a text in quotes"),
        ("broker_ca = 'credential:'", {}, {}, "{file}: broker_ca: 'credential:' must be"),
        (
            "heartbeat_s = 5",
            {"SKERRY_AGENT_HEARTBEAT_S": "0"},
            {},
            "SKERRY_AGENT_HEARTBEAT_S: heartbeat_s must be 1",
        ),
        (
            "",
            {"SKERRY_AGENT_HEARTBEAT_S": "0"},
            {"heartbeat_s": "-1"},
            "--heartbeat-s: heartbeat_s must be 1",
        ),
        ("[labels]\nsite = 5", {"SKERRY_AGENT_LABELS": "x"}, {}, "{file}: label 'site'"),
    ],
)
def test_an_error_says_where_the_setting_is_from(tmp_path, text, environment, options, where):
    with pytest.raises(ConfigError) as caught:
        of(tmp_path, text, environment, **options)
    assert str(caught.value).startswith(where.format(file=tmp_path / "agent.toml"))


def test_the_labels_are_read_again_from_the_same_file(tmp_path):
    config = of(tmp_path, '[labels]\nsite = "north"\n')
    (tmp_path / "agent.toml").write_text('[labels]\nsite = "south"\n')
    assert (config.labels, read_labels(config)) == ({"site": "north"}, ({"site": "south"}, ()))
    (tmp_path / "agent.toml").write_text("[labels]\nsite = 5\n")
    with pytest.raises(ConfigError, match=r"agent\.toml: label 'site'"):
        read_labels(config)
    (tmp_path / "agent.toml").write_text("[labels")
    with pytest.raises(ConfigError, match=r"agent\.toml"):
        read_labels(config)
    (tmp_path / "agent.toml").unlink()
    with pytest.raises(ConfigError, match="no such file"):
        read_labels(config)


def test_labels_that_the_box_says_itself_are_ignored_so_that_no_upgrade_stops_an_agent(tmp_path):
    text = """[labels]
site = "north"
"topology.kubernetes.io/zone" = "hall-3"
"kubernetes.io/arch" = "toaster"
"feature.node.kubernetes.io/cpu-cpuid.AVX2" = "true"
"""
    config = of(tmp_path, text)
    kept = {"site": "north", "topology.kubernetes.io/zone": "hall-3"}
    ignored = ("feature.node.kubernetes.io/cpu-cpuid.AVX2", "kubernetes.io/arch")
    assert (config.labels, config.ignored_labels) == (kept, ignored)
    assert read_labels(config) == (kept, ignored)
    told = of_ignored(ignored)
    assert told.startswith("ignored in [labels]: 'feature.node.kubernetes.io/cpu-cpuid.AVX2': ")
    assert "kubernetes.io/arch" in told


def test_a_wrong_setting_in_the_environment_is_named_too(tmp_path):
    with pytest.raises(ConfigError, match="heartbeat_s"):
        of(tmp_path, environment={"SKERRY_AGENT_HEARTBEAT_S": "1e9"})


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none", {}, {})


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="directory"):
        load(tmp_path, {}, {})


def test_the_example_file_says_the_defaults(tmp_path):
    example = pathlib.Path(__file__).parents[2] / "packaging" / "agent.toml"
    assert load(example, {}, {}) == of(tmp_path)
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line or "[" in line[:3] else ""
        for line in example.read_text().splitlines()
    )
    named = of(tmp_path, uncommented)
    assert named.labels
    assert named.broker.tls


def test_round_trips(tmp_path):
    config = of(tmp_path)
    assert (config.round_trips, config.round_trip_networks, config.round_trip_address) == (
        True,
        (),
        None,
    )
    text = 'round_trip_networks = "10.8.0.0/16, fd00::/8"\nround_trip_address = "[fd00::7]:22"\n'
    config = of(tmp_path, text, {"SKERRY_AGENT_ROUND_TRIPS": "false"})
    assert not config.round_trips
    assert config.round_trip_networks == ("10.8.0.0/16", "fd00::/8")
    assert config.round_trip_address == "[fd00::7]:22"
    assert of(tmp_path, "round_trips = false").round_trips is False
