"""The whole path on this machine: hub, broker, box, workload; and what happens when things die."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from lab.boxes import Boxes, standing
from lab.fleet import Box, Hub
from lab.install import ROOT
from lab.podman import PAGE, Podman
from lab.processes import LabError, free_port, wait_for

WEB = """\
name: shop
services:
  web:
    image: {image}
    command: ["/bin/httpd", "-f", "-p", "80", "-h", "/www"]
    ports: ["127.0.0.1:{port}:80"]
    deploy:
      replicas: 1
      resources:
        reservations: {{cpus: "0.1", memory: 16M}}
      placement:
        constraints: ["node.platform.os == linux"]
"""

MANY = """\
name: plant
services:
  sight:
    image: {image}
    deploy: {{replicas: 3, resources: {{reservations: {{cpus: "1", memory: 512M}}}}}}
    x-placement:
      devices: [{{kind: gpu, vendor: nvidia, share: 50%}}]
  till:
    image: {image}
    deploy: {{replicas: 8, resources: {{reservations: {{cpus: "0.2", memory: 128M}}}}}}
    x-placement:
      constraints: [node.labels.environment == plant]
      spread: [{{topology: site, maxSkew: 1}}]
      maxPer: {{node: 1}}
  press:
    image: {image}
    x-placement:
      devices: [{{kind: camera, count: 3}}]
"""


def say(text: str) -> None:
    """Tell the person watching what happens next."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def show(hub: Hub, *words: str, check: bool = True) -> None:
    """Run a command of the operator, and show both."""
    print(f"$ skerry {' '.join(words)}", flush=True)
    done = hub.cli(*words, check=check)
    print((done.stdout + ("" if check else done.stderr)).rstrip(), flush=True)


def answers(port: int) -> bool:
    """Say whether the web workload answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as page:
            return bool(page.read().decode() == PAGE)
    except (OSError, urllib.error.URLError):
        return False


def play(folder: pathlib.Path, podman: Podman, hub: Hub, box: Box) -> int:
    """Go through the whole story once; return the port on which the workload answers."""
    say("podman with a store of its own, and an image built on the spot")
    podman.start()
    print(podman.image)

    say("a hub with a broker of its own, and one box that trusts its key")
    hub.start()
    box.trust(hub.key)
    box.start()
    hub.cli("wait", "node", box.node, "--for", "online", "--timeout", "60s")
    show(hub, "get", "nodes")

    say("the hardware that this machine really has")
    show(hub, "describe", "node", box.node)

    port = free_port()
    file = folder / "shop.yaml"
    file.write_text(WEB.format(image=podman.image, port=port))
    say(f"a web workload, from {file.name}")
    print(file.read_text())
    show(hub, "plan", "-f", str(file))
    show(hub, "apply", "-f", str(file), "--wait", "--timeout", "60s")
    wait_for("the workload to answer", lambda: answers(port))
    print(f"http://127.0.0.1:{port}/ answers: {PAGE.strip()}")
    show(hub, "get", "instances")
    show(hub, "explain", "shop-web")

    say("what other systems see of it, on the broker")
    listen(hub, "skerry/v1/workloads/shop-web")

    say("the agent is killed; the container lives")
    born = started(podman)
    box.kill_agent()
    time.sleep(1)
    if not answers(port) or started(podman) != born:
        raise LabError("the workload died with the agent")
    print("the agent is dead, and the workload answers")

    say("the agent starts again and finds what it left")
    box.start_agent()
    hub.cli("wait", "node", box.node, "--for", "online", "--timeout", "60s")
    hub.cli("wait", "workload", "shop-web", "--for", "running", "--timeout", "60s")
    if started(podman) != born:
        raise LabError("the container was started again")
    show(hub, "get", "instances")
    show(hub, "get", "events")
    return port


def play_many(folder: pathlib.Path, hub: Hub, boxes: Boxes, image: str) -> None:
    """Show placement on simulated boxes, on which containers are made up and run at once."""
    say(f"{len(boxes)} simulated boxes beside it, at {len({box.site for box in boxes})} sites")
    boxes.start()
    names = [box.node for box in boxes]
    hub.cli("wait", "node", *names, "--for", "online", "--timeout", "120s")
    show(hub, "get", "nodes", "-l", "site=quay-1")

    file = folder / "plant.yaml"
    file.write_text(MANY.format(image=image))
    say(f"three workloads, from {file.name}")
    print(file.read_text())
    show(hub, "plan", "-f", str(file), check=False)
    show(hub, "apply", "-f", str(file), check=False)
    show(hub, "get", "devices", "--kind", "gpu")
    show(hub, "explain", "plant-sight", "--limit", "5")
    show(hub, "explain", "plant-press", "--limit", "5", check=False)


def listen(hub: Hub, topic: str) -> None:
    """Show a workload's view as any MQTT client gets it, once it says that the workload runs."""
    words = ["mosquitto_sub", "-p", str(hub.mqtt_port), "-t", topic, "-C", "1", "-W", "10"]
    print(f"$ {' '.join(words)}", flush=True)

    def look() -> dict[str, object] | None:
        done = subprocess.run(words, capture_output=True, check=False)
        if done.returncode:
            raise LabError(f"nothing came on {topic} within 10 s")
        view: dict[str, object] = json.loads(done.stdout)
        return view if view["state"] == "running" else None

    # The hub publishes a view at most once a second: the newest may still be on its way.
    print(json.dumps(wait_for(f"{topic} to say running", look), indent=2), flush=True)


def started(podman: Podman) -> str:
    """Return the ids and start times of the containers."""
    return podman.run("ps", "--format", "{{.ID}} {{.StartedAt}}")


def run(end: contextlib.ExitStack, *, once: bool, count: int) -> None:
    """Play the story, and another on `count` simulated boxes. Whatever was begun until then is removed when `end` is."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skerry-demo-"))
    end.callback(shutil.rmtree, folder, ignore_errors=True)
    podman = Podman(folder / "podman")
    end.callback(podman.remove_all)
    hub = Hub(folder / "hub")
    end.callback(hub.stop)
    box = Box(folder / "box", hub.broker_url, podman.socket)
    end.callback(box.stop)
    end.callback(_begin_to_clean)
    try:
        port = play(folder, podman, hub, box)
        if count:
            boxes = Boxes(hub.broker_url, hub.key, standing(count), {})
            end.callback(boxes.stop)
            play_many(folder, hub, boxes, podman.image)
    except LabError:
        for log in sorted(folder.glob("*/*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
        raise
    if once:
        say("the whole path works")
        return
    say("everything stays until Ctrl-C; in another terminal:")
    print(f"export SKERRY_HUB={hub.url}")
    print(f"{ROOT}/.venv/bin/skerry get nodes")
    print(f"mosquitto_sub -p {hub.mqtt_port} -v -t 'skerry/v1/fleet/#' -t 'skerry/v1/workloads/#'")
    print(f"curl http://127.0.0.1:{port}/")
    print(f"tail -F {folder}/*/*.log", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _begin_to_clean() -> None:
    """Say so; from here on nothing may interrupt."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say("cleaning up")
