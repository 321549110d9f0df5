"""The hub over HTTPS: what is fetched to compare it with a pin, and what is sent once it is known.

A first connection believes nobody, and carries nothing but the hub's authority, which must be the
one of the pin. What matters goes over a second one, which believes that authority alone, and only a
certificate that is a hub's. Times of validity are never looked at: a box's clock may be wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from skerry_agent.joining.failure import JoinError
from skerry_agent.tls import any_time
from skerry_wire import joining
from skerry_wire.frozen import frozen

TIMEOUT_S = 15.0
"""How long each step may take: a name, a connection, a part of an answer."""
ANSWER_S = 60.0
"""How long a whole answer may take."""
_TEMPORARY = frozenset({429, 500, 502, 503, 504})
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@frozen(kw_only=True)
class Address:
    """Where a hub's API is."""

    host: str
    port: int
    tls: bool
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.path}"


def address_of(url: str) -> Address:
    """Return the address that a URL is. Raises ValueError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError(f"{url!r} is no hub: write https://HOST:8443")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a hub's URL has a host and a port and nothing else")
    tls = parts.scheme == "https"
    if not tls and not _is_loopback(parts.hostname):
        raise ValueError(
            "a token is never sent in the clear: write https://, or http:// for a hub on this "
            "machine's loopback address alone"
        )
    port = parts.port or (443 if tls else 80)
    return Address(host=parts.hostname, port=port, tls=tls, path=parts.path.rstrip("/"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def pin_of(certificate: str) -> str:
    """Return the pin of a certificate in PEM. Raises ValueError."""
    der = ssl.PEM_cert_to_DER_cert(certificate.strip())
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def is_pinned(certificate: str, pin: str) -> bool:
    """Say whether a certificate is the one of a pin."""
    try:
        return hmac.compare_digest(pin_of(certificate), pin)
    except ValueError:
        return False


def authority(address: Address, pin: str) -> str:
    """Return the authority of the hub at an address, which is the one of the pin.

    Raises JoinError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    status, data, _ = _exchange(address, context, "GET", joining.CA_PATH, None)
    if status != 200:
        raise _refused(address, status, data, None)
    found = list(_certificates(data.decode("ascii", "replace")))
    for one in found:
        if is_pinned(one, pin):
            return one
    if not found:
        raise JoinError(f"what answers at {address} is no Skerry hub: it has no {joining.CA_PATH}")
    shown = pin_of(found[0])
    raise JoinError(
        f"the hub at {address} is not the one of this pin. It shows\n  {shown}\nand --ca-pin says\n"
        f"  {pin}\nEither the address is of another hub, or somebody stands between this box and "
        "the hub. Nothing was sent. `skerry-hub ca` on the hub's machine prints its pin",
        is_refused=True,
    )


class Client:
    """The API of a hub whose authority is known."""

    def __init__(self, address: Address, authority: str) -> None:
        """`authority` is its certificate in PEM."""
        self._address = address
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_verify_locations(cadata=authority)
        any_time(self._context)

    def post(self, path: str, body: bytes) -> bytes:
        """Return what the hub answers. Raises JoinError."""
        if len(body) > joining.MAX_BODY_BYTES:
            raise JoinError(f"the request is {len(body)} bytes, more than a hub takes")
        status, data, retry = _exchange(
            self._address, self._context, "POST", path, body, check=self._is_hub
        )
        if status != 200:
            raise _refused(self._address, status, data, retry)
        return data

    def _is_hub(self, shown: Any) -> None:
        names = () if shown is None else shown.get("subjectAltName", ())
        if ("DNS", joining.HUB_NAME) not in names:
            raise JoinError(
                f"what answers at {self._address} is known to the hub's authority, but it is not "
                "the hub: a broker, perhaps. Nothing was sent; look at the address and its port",
                is_refused=True,
            )


def _exchange(
    address: Address,
    context: ssl.SSLContext,
    verb: str,
    path: str,
    body: bytes | None,
    *,
    check: Callable[[Any], None] | None = None,
) -> tuple[int, bytes, str | None]:
    """Return status, body and when to ask again. Raises JoinError."""
    until = time.monotonic() + ANSWER_S
    connection = _connection(address, context)
    try:
        connection.connect()
        if check is not None and isinstance(connection.sock, ssl.SSLSocket):
            check(connection.sock.getpeercert())
        headers = {"Content-Type": "application/json", "Accept": "*/*", "Connection": "close"}
        connection.request(verb, address.path + path, body, headers)
        answer = connection.getresponse()
        return answer.status, _body(answer, until), answer.getheader("Retry-After")
    except ssl.SSLCertVerificationError as error:
        raise _unknown(address, error) from None
    except socket.gaierror as error:
        raise JoinError(
            f"the name {address.host} cannot be resolved ({error.strerror}): look at the name, and "
            "whether this box has a network and a DNS server",
            is_temporary=True,
        ) from None
    except ConnectionRefusedError:
        raise JoinError(
            f"nobody listens at {address}: look at the address and port, and whether the hub runs",
            is_temporary=True,
        ) from None
    except TimeoutError:
        raise JoinError(
            f"the hub at {address} does not answer within {TIMEOUT_S:g} s: is it a firewall?",
            is_temporary=True,
        ) from None
    except ssl.SSLError as error:
        if "CERTIFICATE_REQUIRED" in (error.reason or "") or _is_broker(address):
            raise _asks_certificate(address) from None
        raise JoinError(
            f"what answers at {address} does not speak TLS 1.2 or later ({error.reason or error}): "
            "look at the port",
            is_temporary=True,
        ) from None
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, ConnectionError) and _is_broker(address):
            raise _asks_certificate(address) from None
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise JoinError(f"the hub at {address}: {reason}", is_temporary=True) from None
    finally:
        connection.close()


def _connection(address: Address, context: ssl.SSLContext) -> http.client.HTTPConnection:
    if not address.tls:
        return http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
    return http.client.HTTPSConnection(
        address.host, address.port, timeout=TIMEOUT_S, context=context
    )


def _body(answer: http.client.HTTPResponse, until: float) -> bytes:
    data = b""
    while part := answer.read1(joining.MAX_BODY_BYTES + 1 - len(data)):
        data += part
        if len(data) > joining.MAX_BODY_BYTES:
            raise JoinError(f"the answer is larger than {joining.MAX_BODY_BYTES} bytes: no hub's")
        if time.monotonic() > until:
            raise TimeoutError
    return data


def _unknown(address: Address, error: ssl.SSLCertVerificationError) -> JoinError:
    """Return in words why a server's certificate does not do."""
    shown = _names_shown(address)
    # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
    if error.verify_code in (62, 64):
        names = ", ".join(shown) or "none"
        return JoinError(
            f"the hub's certificate is not for {address.host!r}. It is for: {names}. Use one of "
            "these names, or start the hub with --name and the name that boxes use",
            is_refused=True,
        )
    return JoinError(
        f"what answers at {address} shows a certificate that the hub's authority did not sign "
        f"({error.verify_message}). Nothing was sent; does a proxy stand before the hub?",
        is_refused=True,
    )


def _is_broker(address: Address) -> bool:
    """Say whether a broker is there: it may end a connection before its alert is read."""
    return address.tls and joining.BROKER_NAME in _names_shown(address)


def _asks_certificate(address: Address) -> JoinError:
    return JoinError(
        f"what answers at {address} asks for a certificate, which no hub's API does: this is "
        "perhaps the broker's port. Nothing was sent; look at the port (8443 as a rule)",
        is_refused=True,
    )


def _names_shown(address: Address) -> tuple[str, ...]:
    """Return the names that the server's certificate is for, to say them."""
    from skerry_agent.joining.keys import names_of  # noqa: PLC0415 - only after a failure

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    place = (address.host, address.port)
    with (
        contextlib.suppress(OSError),
        socket.create_connection(place, timeout=TIMEOUT_S) as plain,
        context.wrap_socket(plain) as secured,
    ):
        return names_of(secured.getpeercert(binary_form=True) or b"")
    return ()


def _refused(address: Address, status: int, data: bytes, retry: str | None) -> JoinError:
    """Return in words what the hub answered."""
    said = _reason(data)
    if status == 404:
        said = said or "there is nothing at this path"
        return JoinError(f"the hub at {address}: {said}; is that a Skerry hub's API?")
    after_s = 0.0
    with contextlib.suppress(ValueError):
        after_s = min(max(float(retry or 0), 0.0), 600.0)
    words = said or http.client.responses.get(status, "refused")
    temporary = status in _TEMPORARY
    return JoinError(
        f"the hub {'cannot answer now' if temporary else 'refuses'} ({status}): {words}",
        is_temporary=temporary,
        is_refused=not temporary,
        after_s=after_s,
    )


def _reason(data: bytes) -> str:
    """Return what the hub said, as one line that can be shown."""
    try:
        told = json.loads(data)
        reasons = [str(one["reason"]) for one in told["problems"]]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    text = " ".join("; ".join(reasons).split())
    return "".join(letter for letter in text if letter.isprintable())[:500]


def _certificates(text: str) -> Iterator[str]:
    """Yield each certificate of a text in PEM that is one by its form."""
    at = text.find(_BEGIN)
    while at >= 0:
        end = text.find(_END, at)
        if end < 0:
            return
        one = text[at : end + len(_END)] + "\n"
        with contextlib.suppress(ValueError):
            ssl.PEM_cert_to_DER_cert(one.strip())
            yield one
        at = text.find(_BEGIN, end)
