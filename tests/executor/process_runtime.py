"""A runtime in memory whose containers are processes of the test's own, which can really end."""

import subprocess
import threading

from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, NODE

from skerry_executor.actual import Phase
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.specs import labels_of, name_of


class ProcessRuntime(FakeRuntime):
    """`obeys`: containers end when they are asked to; while it `hangs`, nobody is answered."""

    def __init__(self, obeys=True):
        super().__init__(images=[IMAGE])
        self.obeys = obeys
        self.hangs = threading.Event()
        self.freed = threading.Event()
        self.children = []

    def begin(self, wanted):
        """Have an instance run that nobody started, and return its process."""
        part = wanted.containers[0]
        name = name_of(wanted.id, part.name)
        self.create(name, IMAGE, part, labels_of(NODE, wanted, part), wanted)
        self.start(name)
        return self.children[-1]

    def containers(self, node):
        self.ended()
        return super().containers(node)

    def container(self, reference):
        self.ended()
        return super().container(reference)

    def start(self, reference):
        super().start(reference)
        one = self._found(reference)
        if one.phase is Phase.RUNNING:
            child = subprocess.Popen(["sleep", "100"])
            self.children.append(child)
            self.put(one, pid=child.pid)

    def stop(self, reference, grace_s, cancel):
        self._call("stop", reference)
        if self.hangs.is_set():
            self.freed.wait(60)
        if not self.obeys:
            raise RuntimeFailure(Failure.OTHER, "it does not obey")
        one = self._found(reference)
        for child in self.children:
            if child.pid == one.pid:
                child.terminate()
                child.wait()
        self.ended()

    def ended(self):
        """See which processes have ended."""
        codes = {child.pid: child.poll() for child in self.children}
        for one in list(self._by_name.values()):
            code = codes.get(one.pid)
            if code is not None:
                self.put(one, phase=Phase.EXITED, pid=None, exit_code=abs(code) + 128)

    def end_all(self):
        self.freed.set()
        for child in self.children:
            child.kill()
            child.wait()
