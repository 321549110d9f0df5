"""Which broker a hub has, and as whom it comes there: from its settings."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from skerry_hub import ending_sessions, mosquitto_conf, setting_rows
from skerry_hub.broker import Ends, plain_ends
from skerry_hub.broker_connection import Trust
from skerry_hub.broker_door import Books, BrokerDoor, Own
from skerry_hub.broker_url import BrokerUrl
from skerry_hub.config import Config
from skerry_hub.ending_sessions import Marks
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.mosquitto import Mosquitto
from skerry_hub.pki import leaves, own_certificates
from skerry_hub.pki.authority import PUBLIC, Authority
from skerry_hub.state import Publication
from skerry_hub.store import Store
from skerry_hub.writer.service import Service
from skerry_wire.joining import BROKER_NAME

FOLDER = "mosquitto"
"""Of the data folder: the hub's own broker's."""

_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - addresses to connect to, in their place


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`authority` is whose certificates clients of this broker show; None: they show none."""

    url: BrokerUrl
    ends: Ends
    trust: Trust
    """Without a certificate."""
    authority: Authority | None = None
    own: Own | None = None
    mosquitto: Mosquitto | None = None

    def door(self, books: Books) -> BrokerDoor:
        """Return the door to it."""
        return BrokerDoor(self.url, self.trust, self.authority, self.own, books)


def way(settings: Config, authority: Authority, hub_id: str) -> Way:
    """Return a hub's way to its broker; nothing is started. Raises BrokerError."""
    if settings.broker is None:
        return _own(settings, authority, hub_id)
    if settings.broker_folder is not None:
        return _beside(settings, settings.broker, settings.broker_folder, authority)
    ca = settings.addresses.broker_ca
    trust = Trust(ca=None if ca is None else pathlib.Path(ca))
    if not settings.broker.tls or settings.broker.username is not None:
        ends = plain_ends(hub_id, trust)
        return Way(url=settings.broker, ends=ends, trust=trust)
    ends = _certified(settings.data, trust)
    return Way(url=settings.broker, ends=ends, trust=trust, authority=authority)


def _own(settings: Config, authority: Authority, hub_id: str) -> Way:
    """Return the way to a mosquitto that this hub starts itself."""
    where, data = settings.addresses, settings.data
    host = _ALL.get(where.mqtt_host, where.mqtt_host)
    folder = data / FOLDER
    if not where.mqtt_tls:
        # An own broker without certificates listens on 127.0.0.1, whatever loopback is called.
        return Way(
            url=_url("127.0.0.1", where.mqtt_port, tls=False),
            ends=plain_ends(hub_id),
            trust=Trust(),
            mosquitto=Mosquitto(folder, where.mqtt_port),
        )
    conf = mosquitto_conf.secured(where.mqtt_host, where.mqtt_port)
    mosquitto = Mosquitto(folder, where.mqtt_port, host=host, conf=conf)
    trust = _trust(data)
    return Way(
        url=_url(host, where.mqtt_port, tls=True),
        ends=_certified(data, trust),
        trust=trust,
        authority=authority,
        own=Own(data=data, folder=folder, conf=conf, reload=mosquitto.reload),
        mosquitto=mosquitto,
    )


def _beside(settings: Config, url: BrokerUrl, folder: pathlib.Path, authority: Authority) -> Way:
    """Return the way to a mosquitto that `skerry-hub broker` runs, elsewhere."""
    where, trust = settings.addresses, _trust(settings.data)
    conf = mosquitto_conf.secured(where.mqtt_host, where.mqtt_port)
    return Way(
        url=url,
        ends=_certified(settings.data, trust),
        trust=trust,
        authority=authority,
        own=Own(data=settings.data, folder=folder, conf=conf, reload=_nobody_needs_to),
    )


def books(store: Store, service: Service) -> Books:
    """Return what a door reads and keeps, of a hub's store."""

    def serials() -> Sequence[tuple[int, float]]:
        with store.aside() as connection:
            return list(EnrollmentRows(connection).revoked())

    def revoked() -> dict[str, float]:
        with store.aside() as connection:
            found = EnrollmentRows(connection).enrollments()
        return {one.node: one.revoked_at for one in found if one.revoked_at is not None}

    def replaced() -> dict[str, float]:
        with store.aside() as connection:
            return EnrollmentRows(connection).replaced()

    def keep_ended(marks: Marks) -> None:
        with store.aside() as connection:
            text = ending_sessions.to_text(marks)
            setting_rows.put_setting(connection, ending_sessions.SETTING, text)

    def clear(topics: Sequence[str]) -> None:
        service.call(
            lambda work: work.draft.outbox.extend(
                Publication(topic=topic, payload=b"") for topic in topics
            )
        )

    return Books(
        serials=serials,
        revoked=revoked,
        replaced=replaced,
        ended=lambda: ending_sessions.from_text(store.setting(ending_sessions.SETTING, "{}")),
        keep_ended=keep_ended,
        clear=clear,
    )


def _certified(data: pathlib.Path, trust: Trust) -> Ends:
    """Return the hub's two connections with the certificate of each."""
    tls = data / own_certificates.FOLDER
    return Ends(
        main=leaves.HUB,
        beats=leaves.HUB_BEATS,
        main_trust=dataclasses.replace(trust, certificate=tls / own_certificates.HUB),
        beats_trust=dataclasses.replace(trust, certificate=tls / own_certificates.HUB_BEATS),
    )


def _trust(data: pathlib.Path) -> Trust:
    """Return by what a broker with a certificate of this hub is known, wherever it is reached."""
    return Trust(ca=data / PUBLIC, name=BROKER_NAME)


def _url(host: str, port: int, *, tls: bool) -> BrokerUrl:
    return BrokerUrl(host=host, port=port, tls=tls, username=None, password=None)


def _nobody_needs_to() -> None:
    """Do nothing: the supervisor sees what changes."""
