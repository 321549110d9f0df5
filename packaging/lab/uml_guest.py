"""Runs inside a user-mode-linux box: does what the lab asks, over TCP on the lab's own network.

A line of JSON for each question and each answer. Standard library only.
"""

from __future__ import annotations

import json
import socketserver
import subprocess
import time
from typing import Any

PORT = 7000


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one question: run a program, or say what time it is here."""
    if question["do"] == "run":
        try:
            done = subprocess.run(
                question["arguments"],
                input=question.get("data", "").encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=question["most_s"],
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return {"status": 255, "output": str(error)}
        return {"status": done.returncode, "output": done.stdout.decode("utf-8", "replace")}
    return {
        "wall_s": time.time(),
        "boot_s": time.clock_gettime(time.CLOCK_BOOTTIME),
        "boot_id": open("/proc/sys/kernel/random/boot_id").read().strip(),
    }


class Ear(socketserver.StreamRequestHandler):
    """One connection of the lab."""

    def handle(self) -> None:
        """Answer one question after the other."""
        for line in self.rfile:
            self.wfile.write(json.dumps(answer(json.loads(line))).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    """Takes every connection; the lab's network is its own."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("", PORT), Ear).serve_forever()
