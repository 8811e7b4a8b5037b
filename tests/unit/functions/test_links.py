import ssl

from functions.links import tls


def test_the_shared_tls_context_trusts_and_checks_as_the_sdk_does() -> None:
    context = tls()
    assert context is tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50
