"""The Kubernetes manifests of the hub, rendered where that can be, against Kubernetes' schemas."""

import pathlib
import shutil
import subprocess

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


@pytest.fixture(params=["sqlite", "postgresql"])
def rendered(request, tmp_path):
    renderer = next((one for one in RENDERERS if shutil.which(one[0])), None)
    if renderer is None:
        pytest.skip("neither kustomize nor kubectl is here to render them")
    shutil.copytree(PLACE, tmp_path / "kustomize")
    folder = tmp_path / "kustomize" / request.param
    if request.param == "postgresql":
        (folder / "database-password").write_text("geheim\n")
    done = subprocess.run([*renderer, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def held(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_manifest_is_as_the_schema_says(version):
    found = [*whole("base"), *whole("sqlite"), *whole("postgresql")]
    assert {one["kind"] for _, one in found} >= {"Deployment", "Service", "CronJob"}
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
        assert one["metadata"].get("namespace", "skerry") == "skerry"


def pods(found):
    for one in found:
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]["spec"]
        if one["kind"] == "CronJob":
            yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_every_pod_keeps_to_the_restricted_profile_and_a_read_only_root(rendered):
    found = list(pods(rendered))
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
            assert container["image"].startswith("localhost/skerry-hub:")
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


def test_a_password_stands_in_a_secret_alone(rendered):
    secrets = [one for one in rendered if one["kind"] == "Secret"]
    rest = [one for one in rendered if one["kind"] != "Secret"]
    assert "geheim" not in yaml.safe_dump(rest)
    if secrets:
        (name,) = [one["metadata"]["name"] for one in secrets]
        for pod in pods(rendered):
            assert name in [v.get("secret", {}).get("secretName") for v in pod["volumes"]]


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
    assert found.addresses.public_url == "https://hub.example.com:8443"
    assert found.broker_folder is not None
