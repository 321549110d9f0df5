"""The whole path on this machine: hub, broker, box, workload; and what happens when things die.

usage: python -m lab.demo [--once]
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request

from lab.fleet import Box, Hub
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


def say(text: str) -> None:
    """Tell the person watching what happens next."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def show(hub: Hub, *words: str) -> None:
    """Run a command of the operator, and show both."""
    print(f"$ skerry {' '.join(words)}", flush=True)
    print(hub.cli(*words).stdout.rstrip(), flush=True)


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
    show(hub, "get", "nodes", "-o", "wide")

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
    show(hub, "get", "instances", "-o", "wide")
    show(hub, "explain", "shop-web")

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


def started(podman: Podman) -> str:
    """Return the ids and start times of the containers."""
    return podman.run("ps", "--format", "{{.ID}} {{.StartedAt}}")


def main() -> int:
    """Play the story, then end or stay."""
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end when the story is told")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    folder = pathlib.Path(tempfile.mkdtemp(prefix="skerry-demo-"))
    podman = Podman(folder / "podman")
    hub = Hub(folder / "hub")
    box = Box(folder / "box", hub.broker_url, podman.socket)
    try:
        port = play(folder, podman, hub, box)
        if arguments.once:
            say("the whole path works")
            return 0
        say("everything stays until Ctrl-C")
        print(
            f"export SKERRY_HUB={hub.url}     # then, in another terminal: .venv/bin/skerry get nodes"
        )
        print(f"mosquitto_sub -p {hub.mqtt_port} -v -t 'skerry/v1/#'")
        print(f"curl http://127.0.0.1:{port}/")
        print(f"logs: {folder}/*/*.log", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print()
    except LabError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        for log in sorted(folder.glob("*/*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
        return 1
    finally:
        say("cleaning up")
        box.stop()
        hub.stop()
        podman.remove_all()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
