import pytest

from functions.settings import (
    BusSettings,
    PredictSettings,
    RunModelSettings,
    SettingsError,
    StoreSettings,
    load,
    strip_credentials,
)


@pytest.fixture(autouse=True)
def _read_again() -> None:
    load.cache_clear()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ROWS", "7")
    monkeypatch.setenv("DEFAULT_WAIT_S", "")
    assert load(PredictSettings).max_rows == 7
    assert load(PredictSettings).default_wait_s == 5


def test_an_identity_based_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVICEBUS_CONNECTION", raising=False)
    monkeypatch.setenv("SERVICEBUS_CONNECTION__fullyQualifiedNamespace", "n.servicebus.windows.net")
    assert load(BusSettings).servicebus_connection__fullyqualifiednamespace == "n.servicebus.windows.net"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (StoreSettings, "OPERATIONS_URL"),
        (RunModelSettings, "MLFLOW_TRACKING_URI"),
        (BusSettings, "SERVICEBUS_CONNECTION"),
    ],
)
def test_a_missing_setting_names_itself(kind: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=name):
        load(kind)


def test_a_wrong_setting_names_itself_and_keeps_its_value_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ROWS", "hunter2")
    with pytest.raises(SettingsError, match="MAX_ROWS") as raised:
        load(PredictSettings)
    assert "hunter2" not in str(raised.value)


def test_white_space_around_credentials_is_removed() -> None:
    environ = {"DATABRICKS_TOKEN": "dapi1\n", "MLFLOW_TRACKING_PASSWORD": " p w\r\n", "OTHER": "kept\n"}
    strip_credentials(environ)
    assert environ == {"DATABRICKS_TOKEN": "dapi1", "MLFLOW_TRACKING_PASSWORD": "p w", "OTHER": "kept\n"}


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b"])
def test_credential_with_a_control_character_is_named_and_not_shown(character: str) -> None:
    with pytest.raises(SettingsError, match="setting DATABRICKS_TOKEN: has a control character") as refused:
        strip_credentials({"DATABRICKS_TOKEN": f"secret{character}secret"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("MLFLOW_TRACKING_URI", "https://user:canary@mlflow.example/api"),
        ("MLFLOW_TRACKING_URI", "http://canary@127.0.0.1:5000"),
        ("DATABRICKS_HOST", "https://token:canary@adb-1.azuredatabricks.net"),
        ("DATABRICKS_HOST", "token:canary@adb-1.azuredatabricks.net"),
        ("OPERATIONS_URL", "s3://key:canary@bucket/operations"),
    ],
)
def test_an_address_with_a_password_is_named_and_not_shown(name: str, address: str) -> None:
    with pytest.raises(SettingsError, match=f"setting {name}: has a user or a password in the address") as refused:
        strip_credentials({name: address})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("address", ["https://store.example/@me", "abfs://container@account/prefix", "az://operations"])
def test_an_address_without_one_stays(address: str) -> None:
    environ = {"OPERATIONS_URL": address}
    strip_credentials(environ)
    assert environ["OPERATIONS_URL"] == address


def test_largest_body_must_fit_into_the_share_of_one_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BODY_BYTES", "1000")
    monkeypatch.setenv("MAX_BODIES_BYTES", "1999")
    with pytest.raises(SettingsError, match="MAX_BODIES_BYTES"):
        load(PredictSettings)
    monkeypatch.setenv("MAX_BODIES_BYTES", "2000")
    load.cache_clear()
    assert load(PredictSettings).max_bodies_bytes == 2000


def test_secret_is_not_short_and_is_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMPOTENCY_SECRET", "too short")
    with pytest.raises(SettingsError, match="IDEMPOTENCY_SECRET") as raised:
        load(PredictSettings)
    assert "too short" not in str(raised.value)
    monkeypatch.setenv("IDEMPOTENCY_SECRET", "0123456789abcdef")
    assert "0123456789abcdef" not in repr(load(PredictSettings))
