"""Runs the hub: puts its parts together, serves, and takes them apart in order.

Imports late: the other commands need none of it.
"""

from __future__ import annotations

import gc
import logging
import os
import pathlib
import resource
import secrets
import socket
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry_hub.access.access import Access
    from skerry_hub.api_server import ApiServer
    from skerry_hub.broker import Ears
    from skerry_hub.broker_door import BrokerDoor
    from skerry_hub.config import Config
    from skerry_hub.joining.enrolling import Enrolling
    from skerry_hub.pki.authority import Authority
    from skerry_hub.pki.keeping import Keeping
    from skerry_hub.store import Store
    from skerry_hub.writer.service import Service


def serve(settings: Config) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    from skerry_hub import started  # noqa: PLC0415
    from skerry_hub.data_folder import claim_whole  # noqa: PLC0415
    from skerry_hub.keys import OrderKeyError  # noqa: PLC0415
    from skerry_hub.mosquitto import BrokerError  # noqa: PLC0415
    from skerry_hub.pki.authority import AuthorityError  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415

    log_to_stderr()
    _open_many_files()
    os.umask(0o077)  # the database holds what workloads are given, which may be secret
    try:
        lock = claim_whole(settings.data)
        try:
            started.keep(settings.data, settings.started)
            run(settings)
        finally:
            os.close(lock)
    except (OSError, OrderKeyError, AuthorityError, BrokerError, StoreError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        print(f"skerry-hub: {where}{reason}", file=sys.stderr)
        return 1
    return 0


def run(settings: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    import signal  # noqa: PLC0415

    from skerry_hub import broker_way  # noqa: PLC0415
    from skerry_hub import secret_key as secret_keys  # noqa: PLC0415
    from skerry_hub.api import app  # noqa: PLC0415
    from skerry_hub.api_server import ApiServer  # noqa: PLC0415
    from skerry_hub.broker import Broker  # noqa: PLC0415
    from skerry_hub.order_keys import OrderKeys  # noqa: PLC0415
    from skerry_hub.pki import own_certificates  # noqa: PLC0415
    from skerry_hub.store_opening import open_when_there  # noqa: PLC0415
    from skerry_hub.writer.service import Service  # noqa: PLC0415

    log = structlog.get_logger("hub")
    listening = _listen(settings.addresses.host, settings.addresses.port)
    authority, tls = own_certificates.prepared(
        settings.data, settings.addresses.names, settings.certificate_s
    )
    store = open_when_there(
        settings.database,
        settings.database_wait_s,
        lambda reason: log.warning("waiting for the database", reason=reason),
        settings.keep_revisions,
    )
    access = _access(settings, store)
    service = Service(
        store,
        OrderKeys(settings.data, store),
        settings.patience,
        settings.strategy,
        settings.keep,
        secret_keys.load_or_make(settings.data),
    )
    hub_id = store.setting("id", secrets.token_hex(4))
    way = broker_way.way(settings, authority, hub_id)
    door = way.door(broker_way.books(store, service))
    door.prepare()
    if way.mosquitto is not None:
        way.mosquitto.start()
    broker = Broker(way.url, way.ends, service.presence(online=False), _ears(service))
    service.start(broker)
    broker.start()
    enrolling = _enrolling(settings, authority, service)
    enrolling.write_list()
    enrolling.door, enrolling.audit = door, access.audit
    _begin(door, service)
    server = ApiServer(
        app.create(service, access, enrolling),
        tls / own_certificates.HUB if settings.addresses.tls else None,
    )
    keeping = _keeping(settings, enrolling, server)
    keeping.start()
    scheme = "https" if settings.addresses.tls else "http"
    log.info(
        "serving",
        api=f"{scheme}://{settings.addresses.host}:{settings.addresses.port}",
        broker=str(way.url),
        order_key=service.key.id,
        ca_pin=authority.pin,
        nodes=len(service.known.nodes),
        workloads=len(service.known.workloads),
    )
    # uvicorn sends itself the signal again when it has ended; what follows is still to be done.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _look_seldom()
    try:
        server.run(sockets=[listening])
    finally:
        keeping.stop()
        door.stop()
        broker.stop(service.presence(online=False))
        service.stop()
        if way.mosquitto is not None:
            way.mosquitto.stop()
        access.audit.stop()
        store.close()
        log.info("ended")


def _begin(door: BrokerDoor, service: Service) -> None:
    """Have the broker's lists looked after, and the hub say how that goes."""
    service.more_parts.append(lambda: door.part)
    door.start()


def _ears(service: Service) -> Ears:
    """Return what hears the broker."""
    from skerry_hub.broker import Ears  # noqa: PLC0415

    return Ears(
        heartbeat=service.on_heartbeat,
        message=service.on_message,
        connected=service.on_connected,
        disconnected=service.on_disconnected,
        published=service.on_published,
        beating=service.on_beating,
    )


def _access(settings: Config, store: Store) -> Access:
    """Return what stands between the API and whoever asks. Raises StoreError."""
    from skerry_hub.access.access import Access  # noqa: PLC0415
    from skerry_hub.access.callers import STAMP  # noqa: PLC0415

    tokens = settings.addresses.auth == "tokens"
    return Access(store, tokens=tokens, stamp=settings.data / STAMP)


def _enrolling(settings: Config, authority: Authority, service: Service) -> Enrolling:
    """Return who lets boxes in, and what these are told. Raises OSError."""
    from skerry_hub.joining.enrolling import Enrolling  # noqa: PLC0415
    from skerry_hub.joining.sealing_trust import trust  # noqa: PLC0415
    from skerry_hub.joining.terms import Terms  # noqa: PLC0415

    where = settings.addresses
    if where.broker_ca is not None:
        broker_ca = pathlib.Path(where.broker_ca).read_text()
    else:
        own = settings.broker_folder is not None or (settings.broker is None and where.mqtt_tls)
        broker_ca = authority.pem.decode() if own else ""
    terms = Terms(
        hub=where.public_url,
        broker=where.public_broker,
        broker_ca=broker_ca,
        order_keys=lambda: service.key.public_keys,
        life_s=settings.certificate_s,
    )
    enrolling = Enrolling(service.store, authority, terms, service.admission, settings.data)
    enrolling.trust = lambda one: trust(service, one)
    return enrolling


def _keeping(settings: Config, enrolling: Enrolling, server: ApiServer) -> Keeping:
    """Return who renews the certificates of hub and broker, and has both take them up."""
    from skerry_hub.pki.keeping import Keeping  # noqa: PLC0415

    def renewed(files: Sequence[str]) -> None:
        server.take_up_certificate()
        enrolling.door.certificates_changed(files)

    return Keeping(
        settings.data,
        enrolling.authority,
        settings.addresses.names,
        settings.certificate_s,
        renewed,
        daily=enrolling.tidy,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Take the API's address before anything else is started. Raises OSError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, reason, f"--listen {host}:{port}") from None
    # Connections inherit it, and asyncio does not set it on those of a listener that it was given:
    # an answer's head and body are two writes, of which the second waited 40 ms for the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _open_many_files() -> None:
    """Take as many open files as may be: boxes, clients, and strangers who hold connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _look_seldom() -> None:
    """Spare the garbage collector most of its work: it took a sixth of each heartbeat's time.

    What is loaded by now stays for ever, and what a message leaves behind holds no cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def log_to_stderr() -> None:
    """One line an entry; without a time of its own where the box's journal adds it."""
    processors: list[structlog.typing.Processor] = [structlog.processors.add_log_level]
    if "JOURNAL_STREAM" not in os.environ:
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    processors += [
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True
        ),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
