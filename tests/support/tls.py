"""Certificates of a test's own, and a TLS end in front of the embedded servers, which were built without TLS."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"
# The eight bytes with which a client asks PostgreSQL for TLS, or for encryption by Kerberos.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSS_REQUEST = struct.pack("!ii", 8, 80877104)


@dataclass(frozen=True)
class Certificates:
    """The files of an authority, and of a server whose certificate it signed."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, *, host: str = HOST) -> Certificates:
    """Write an authority and a certificate for one host into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _sign("EssayCoach test authority", authority_key, authority_key, issuer="EssayCoach test authority")
    server = _sign(host, server_key, authority_key, issuer="EssayCoach test authority", host=host)
    pem = serialization.Encoding.PEM
    made.authority.write_bytes(authority.public_bytes(pem))
    made.certificate.write_bytes(server.public_bytes(pem))
    made.key.touch(mode=0o600)
    made.key.write_bytes(server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return made


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    issuer: str,
    host: str | None = None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if host is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


@contextmanager
def tls_in_front_of(port: int, certificates: Certificates, *, is_postgres: bool = False) -> Iterator[int]:
    """Serve TLS on a port of its own, which the block gets, and pass what arrives on to the port without TLS.

    PostgreSQL's clients first ask for TLS in the clear.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = (listener, context, port, is_postgres)
        threading.Thread(target=_accept, args=arguments, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int, is_postgres: bool) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the test has ended
        threading.Thread(target=_relay, args=(client, context, port, is_postgres), daemon=True).start()


def _relay(client: socket.socket, context: ssl.SSLContext, port: int, is_postgres: bool) -> None:
    """Decrypt for the server and encrypt for the client, until either ends."""
    with client, suppress(OSError):
        if is_postgres and not _agree_on_tls(client):
            return
        with (
            context.wrap_socket(client, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", port)) as inside,
        ):
            back = threading.Thread(target=_pass_on, args=(inside, outside), daemon=True)
            back.start()
            _pass_on(outside, inside)
            back.join()


def _agree_on_tls(client: socket.socket) -> bool:
    """Answer as a PostgreSQL that takes connections with TLS only, and return whether the client asked for it."""
    while len(asked := client.recv(8, socket.MSG_WAITALL)) == 8:
        if asked == SSL_REQUEST:
            client.sendall(b"S")
            return True
        if asked != GSS_REQUEST:
            return False
        client.sendall(b"N")
    return False


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
