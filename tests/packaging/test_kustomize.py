"""The Kubernetes manifests of the hub, rendered where that can be, against Kubernetes' schemas."""

import os
import pathlib
import shutil
import subprocess
import urllib.parse

import kubernetes_validate
import pytest
import yaml

from skerry_hub import config as settings
from skerry_hub.config import PREFIX

ROOT = pathlib.Path(__file__).parents[2]
PLACE = ROOT / "packaging" / "hub" / "kustomize"
VERSIONS = ("1.28", "1.31", "1.34")
RENDERERS = (("kustomize", "build"), ("kubectl", "kustomize"))


def documents(text):
    return [one for one in yaml.safe_load_all(text) if one]


def whole(folder):
    """Return the manifests that are whole as they are written."""
    return [
        (path.name, one)
        for path in sorted((PLACE / folder).glob("*.yaml"))
        for one in documents(path.read_text())
        if path.name != "kustomization.yaml" and not path.name.startswith("database-password")
    ]


def render(folder):
    """Return what an overlay comes to, as nobody has put a file into the checkout."""
    renderer = next((one for one in RENDERERS if shutil.which(one[0])), None)
    if renderer is None:
        pytest.skip("neither kustomize nor kubectl is here to render them")
    done = subprocess.run([*renderer, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


@pytest.fixture(params=["sqlite", "postgresql", "example"])
def rendered(request):
    return render(PLACE / request.param)


@pytest.fixture(params=["namespace", "example/namespace"])
def kept(request):
    return render(PLACE / request.param)


def held(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_manifest_is_as_the_schema_says(version):
    found = [*whole("base"), *whole("namespace"), *whole("sqlite"), *whole("postgresql")]
    assert {one["kind"] for _, one in found} >= {"Namespace", "Deployment", "Service", "CronJob"}
    for _, one in found:
        held(one, version)


def test_a_manifest_with_a_wrong_key_would_be_refused():
    (deployment,) = [one for _, one in whole("base") if one["kind"] == "Deployment"]
    deployment["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        held(deployment, VERSIONS[-1])


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_is_as_the_schema_says(rendered, version):
    for one in rendered:
        held(one, version)
        assert one["metadata"]["namespace"] == "skerry"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_stays_is_apart_from_what_an_overlay_deletes(kept, version):
    for one in kept:
        held(one, version)
    assert sorted((one["kind"], one["metadata"]["name"]) for one in kept) == [
        ("Namespace", "skerry"),
        ("PersistentVolumeClaim", "skerry-hub"),
        ("PersistentVolumeClaim", "skerry-hub-backups"),
    ]


def test_no_overlay_has_what_must_outlive_it(rendered):
    kinds = {one["kind"] for one in rendered}
    assert kinds == {"ConfigMap", "CronJob", "Deployment", "NetworkPolicy", "Service"}
    claimed = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(rendered)
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claimed == {"skerry-hub", "skerry-hub-backups"}


def test_a_fleet_may_have_another_namespace(tmp_path):
    found = overlay(tmp_path, PLACE / "namespace", namespace="fleet")
    assert [one["metadata"]["name"] for one in found if one["kind"] == "Namespace"] == ["fleet"]
    assert {one["metadata"].get("namespace", "fleet") for one in found} == {"fleet"}


def overlay(folder, over, **more):
    """Return what an operator's overlay comes to, which lies outside of the checkout."""
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [os.path.relpath(over, folder)],
                **more,
            }
        )
    )
    return render(folder)


@pytest.mark.parametrize("over", ["sqlite", "postgresql", "example"])
def test_an_overlay_names_the_image_and_the_settings(tmp_path, over):
    name = "skerry-hub" if over != "example" else "registry.example/skerry-hub"
    found = overlay(
        tmp_path,
        PLACE / over,
        images=[{"name": name, "newName": "registry.example/hub", "newTag": "7"}],
        configMapGenerator=[
            {"name": "skerry-hub", "behavior": "merge", "literals": ["SKERRY_HUB_NAME=other"]}
        ],
        namespace="skerry",
    )
    images = [container["image"] for pod in pods(found) for container in pod["containers"]]
    assert images == ["registry.example/hub:7"] * 3
    (config,) = [one for one in found if one["kind"] == "ConfigMap"]
    assert config["data"]["SKERRY_HUB_NAME"] == "other"


def templates(found):
    for one in found:
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]
        if one["kind"] == "CronJob":
            yield one["spec"]["jobTemplate"]["spec"]["template"]


def pods(found):
    return [one["spec"] for one in templates(found)]


def test_every_pod_keeps_to_the_restricted_profile_and_a_read_only_root(rendered):
    found = pods(rendered)
    assert len(found) == 2
    for pod in found:
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not pod.get("hostNetwork")
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert container["image"] in ("skerry-hub", "registry.example/skerry-hub:0.1.0")
            mounted = {one["name"] for one in container["volumeMounts"]}
            assert mounted <= {one["name"] for one in pod["volumes"]}


def test_a_service_reaches_the_hub_and_not_the_backup(rendered):
    by_kind = {one["kind"]: one for one in rendered}
    wanted = by_kind["Service"]["spec"]["selector"]
    hub = by_kind["Deployment"]["spec"]["template"]
    backup = by_kind["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    assert wanted.items() <= hub["metadata"]["labels"].items()
    assert not wanted.items() <= backup["metadata"]["labels"].items()
    named = {p["name"] for c in hub["spec"]["containers"] for p in c["ports"]}
    assert {one["targetPort"] for one in by_kind["Service"]["spec"]["ports"]} == named
    assert by_kind["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_the_network_policy_is_about_every_pod_and_lets_in_what_the_service_has(rendered):
    by_kind = {one["kind"]: one for one in rendered}
    policy = by_kind["NetworkPolicy"]["spec"]
    chosen = policy["podSelector"]["matchLabels"]
    assert chosen == {"app.kubernetes.io/name": "skerry-hub"}
    assert len(list(templates(rendered))) == 2
    for one in templates(rendered):
        assert chosen.items() <= one["metadata"]["labels"].items()
    ports = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert ports == {one["targetPort"] for one in by_kind["Service"]["spec"]["ports"]}


def test_no_name_that_may_change_is_in_a_selector_that_may_not(rendered):
    (deployment,) = [one for one in rendered if one["kind"] == "Deployment"]
    wanted = {"app.kubernetes.io/component": "skerry-hub"}
    assert deployment["spec"]["selector"]["matchLabels"] == wanted


@pytest.mark.parametrize("over", ["postgresql", "example"])
def test_a_server_must_show_that_it_is_the_one_and_the_password_is_a_secret_of_the_operator(over):
    found = render(PLACE / over)
    (config,) = [one["data"] for one in found if one["kind"] == "ConfigMap"]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(config["SKERRY_HUB_DATABASE"]).query)
    assert query == {"sslmode": ["verify-full"], "sslrootcert": ["/run/skerry/ca.crt"]}
    assert config["SKERRY_HUB_DATABASE_PASSWORD_FILE"] == "/run/skerry/database-password"
    for pod in pods(found):
        (volume,) = [one for one in pod["volumes"] if "secret" in one]
        assert volume["secret"]["secretName"] == "skerry-hub-database"
        mounted = {
            one["mountPath"]
            for container in pod["containers"]
            for one in container["volumeMounts"]
            if one["name"] == volume["name"]
        }
        assert mounted == {"/run/skerry"}


def test_settings_are_those_that_the_hub_has(rendered):
    (config,) = [one for one in rendered if one["kind"] == "ConfigMap"]
    given = {name.removeprefix(PREFIX).lower(): value for name, value in config["data"].items()}
    password = given.pop("database_password_file", None)
    assert (password is None) == ("database" not in given)
    found = settings.checked(
        {"data": "/x", "listen": "0.0.0.0:8443", "database": None, "mqtt_port": "1883",
         "strategy": None, "keep_decisions": "1", "keep_decisions_days": "1",
         "keep_decisions_mib": "1", "lost_after": "600", **given}
    )  # fmt: skip
    assert found.addresses.public_url in (
        "https://hub.example:8443",
        "https://hub.example.com:8443",
    )
    assert found.broker_folder is not None
