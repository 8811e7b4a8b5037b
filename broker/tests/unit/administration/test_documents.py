"""Documents, values and the certificate of the administration API, without a server."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.administration import certificate
from servicebus_broker.administration.errors import BadRequestError
from servicebus_broker.administration.reading import read_description
from servicebus_broker.durations import parse_duration, write_duration
from servicebus_broker.queues.settings import FOREVER


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "PT0S"),
        (0.25, "PT0.25S"),
        (60, "PT1M"),
        (61.5, "PT1M1.5S"),
        (3600, "PT1H"),
        (86_400, "P1D"),
        (14 * 86_400 + 7_322, "P14DT2H2M2S"),
        (FOREVER, "P10675199DT2H48M5.4775807S"),
    ],
)
def test_durations_are_written_as_the_service_does(seconds: float, text: str) -> None:
    assert write_duration(seconds) == text
    assert parse_duration(text) == seconds


@given(st.integers(0, 10**12))
def test_durations_are_read_as_they_are_written(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(write_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_body_that_is_not_a_description_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_description(body)


def test_xml_entities_cannot_be_declared() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 20))
    bomb = f'<!DOCTYPE entry [<!ENTITY l0 "lol">{laughs}]><entry>&l19;</entry>'
    with pytest.raises(BadRequestError, match="document type"):
        read_description(bomb.encode())


def test_the_certificate_is_kept_and_its_key_is_private(tmp_path: Path) -> None:
    path = certificate.certificate_in(tmp_path / "data")
    made = path.read_bytes()
    assert certificate.certificate_in(tmp_path / "data").read_bytes() == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    public = tmp_path / "else" / "public.pem"
    certificate.write_public_part(path, public)
    assert b"PRIVATE" not in public.read_bytes()
    ssl.create_default_context(cafile=public)


@pytest.mark.parametrize("damage", [b"", b"no PEM at all"])
def test_damaged_certificate_is_renewed(tmp_path: Path, damage: bytes) -> None:
    path = certificate.certificate_in(tmp_path)
    path.write_bytes(damage)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.certificate_in(tmp_path))


def test_key_without_its_certificate_is_renewed(tmp_path: Path) -> None:
    path, other = certificate.certificate_in(tmp_path), certificate.certificate_in(tmp_path / "other")
    mixed = path.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0] + certificate.public_part(other)
    path.write_bytes(mixed)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.certificate_in(tmp_path))
    assert path.read_bytes() != mixed


def test_certificate_about_to_expire_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "_VALID_FOR", timedelta(days=29))
    path = certificate.certificate_in(tmp_path)
    monkeypatch.undo()
    renewed = x509.load_pem_x509_certificate(certificate.certificate_in(tmp_path).read_bytes())
    assert renewed.not_valid_after_utc > datetime.now(UTC) + timedelta(days=700)
    assert path.exists()
