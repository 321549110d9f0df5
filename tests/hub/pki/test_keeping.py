"""Certificates are renewed in time while a hub runs, and who shows them is told."""

import threading
import time

import pytest
from tests.hub.pki.certificates import CA, OTHER_CA

from lab.processes import wait_for
from skerry_hub import metrics
from skerry_hub.pki import own_certificates
from skerry_hub.pki.keeping import Keeping
from skerry_hub.pki.own_certificates import BROKER, FOLDER, HUB, HUB_BEATS

NAMES = ("localhost",)


def keeping(folder, life_s, renewed):
    own_certificates.renew(folder, CA, NAMES, time.time(), life_s)
    return Keeping(folder, CA, NAMES, life_s, renewed)


def test_all_are_renewed_again_and_again_at_two_thirds_of_life(tmp_path):
    told = []
    at = keeping(tmp_path, 3.0, lambda files: told.append((time.monotonic(), files)))
    at.start()
    try:
        wait_for("three renewals", lambda: len(told) >= 3, 20)
    finally:
        at.stop()
    assert {name for _, files in told for name in files} == {HUB, HUB_BEATS, BROKER}
    until = metrics.CERTIFICATE_UNTIL.labels(HUB)._value.get()
    assert until == pytest.approx(time.time() + 3, abs=3)
    # Validity has whole seconds: what is made for three holds for two at least.
    assert told[2][0] - told[0][0] > 1.0


def test_one_that_cannot_be_written_is_said_and_ends_nothing(tmp_path):
    told = []
    at = keeping(tmp_path, 2.0, told.append)
    own_certificates.renew(tmp_path, OTHER_CA, NAMES, time.time() - 10, 2.0)
    (tmp_path / FOLDER / f"{HUB}.new").mkdir()
    at.start()
    time.sleep(0.5)
    assert any(one.name == "certificates" for one in threading.enumerate())
    assert told == []
    began = time.monotonic()
    at.stop()
    assert time.monotonic() - began < 5, "it waits to try again, but not at the end"
