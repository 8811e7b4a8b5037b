"""The broker's own TLS certificate: created once, kept, and renewed before it expires."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from servicebus_broker.replaced_file import replace_file

# Some clients refuse a certificate that is valid for longer than 825 days.
_VALID_FOR = timedelta(days=730)
_RENEWED_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)
_NAMES = [
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
]


def certificate_in(folder: Path) -> Path:
    """The file with the private key and the certificate in a folder; created if it is missing, damaged or old.

    The certificate is valid for localhost, 127.0.0.1 and ::1. Only the owner of the file can read it.
    """
    path = folder / "administration.pem"
    if not _is_usable(path):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, _make(), mode=0o600)
    return path


def public_part(path: Path) -> bytes:
    """The certificate of a file without its private key, as PEM: clients trust this."""
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.PEM)


def write_public_part(path: Path, to: Path) -> None:
    """Put the certificate, without its key, where clients can read it."""
    to.parent.mkdir(parents=True, exist_ok=True)
    replace_file(to, public_part(path), mode=0o644)


def _is_usable(path: Path) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        # This also checks that the key belongs to the certificate.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except (OSError, ValueError):
        return False
    now = datetime.now(UTC)
    # The machine's clock may have been set back since it was made.
    return certificate.not_valid_before_utc <= now and certificate.not_valid_after_utc - now > _RENEWED_BEFORE


def _make() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local Service Bus broker")])
    now = datetime.now(UTC)
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        # Not an authority: a client that trusts it trusts this server only.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
