"""The emulator's Config.json."""

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.config import ConfigError, read_config
from servicebus_broker.durations import parse_duration
from servicebus_broker.lenient_json import read_json
from servicebus_broker.properties import PROPERTIES
from servicebus_broker.queues.settings import FOREVER, EntityStatus, QueueSettings


def write(folder: Path, *queues: object, topics: object = ()) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Queues": queues, "Topics": topics}]}}))
    return path


def test_properties_have_the_names_and_forms_of_the_emulator(tmp_path: Path) -> None:
    properties = {
        "LockDuration": "PT1M",
        "MaxDeliveryCount": 10,
        "DefaultMessageTimeToLive": "PT1H",
        "DeadLetteringOnMessageExpiration": True,
        "RequiresSession": True,
        "RequiresDuplicateDetection": True,
        "DuplicateDetectionHistoryTimeWindow": "PT5M",
    }
    queues = read_config(write(tmp_path, {"Name": "results", "Properties": properties}, {"Name": "train"}))
    assert queues[0] == QueueSettings(
        "results",
        lock_duration=60,
        max_delivery_count=10,
        default_time_to_live=3600,
        dead_letter_on_expiration=True,
        requires_session=True,
        requires_duplicate_detection=True,
        duplicate_detection_window=300,
    )
    assert not queues[1].requires_session


def test_missing_properties_have_the_defaults_of_service_bus(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, {"Name": "q"})) == [QueueSettings("q")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1M", 60),
        ("PT1H", 3600),
        ("P1DT2H3M4.5S", 93784.5),
        ("P14D", 1_209_600),
        ("P10675199DT2H48M5.4775807S", FOREVER),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ({}, "Name"),
        ({"Name": "a b"}, "'a b' contains character"),
        ({"Name": "q" * 261}, "has 1 to 260 characters, not 261"),
        ({"Name": "q", "Properties": [1]}, "Properties is not an object"),
        ({"Name": "q", "Properties": {"ForwardTo": "r"}}, "'q' cannot forward to 'r', which does not exist"),
        ({"Name": "q", "Properties": {"ForwardTo": "Q"}}, "'q' cannot forward to itself"),
        ({"Name": "q", "Properties": {"ForwardDeadLetteredMessagesTo": "r"}}, "'r', which does not exist"),
        ({"Name": "q", "Properties": {"ForwardTo": "r", "RequiresSession": True}}, "'q' requires sessions"),
        ({"Name": "q", "Properties": {"ForwardTo": 1}}, "queue 'q': ForwardTo: it has to be text, not 1"),
        ({"Name": "q", "Properties": {"Status": "Off"}}, "queue 'q': Status: it has to be one of Active, Disabled"),
        ({"Name": "q", "Properties": {"MaxSizeInMegabytes": "much"}}, "queue 'q': MaxSizeInMegabytes"),
        ("q", "not a list of objects"),
        ({"Name": "q", "Properties": {"LockDuraton": "PT1M"}}, "LockDuraton"),
        ({"Name": "q", "Properties": {"LockDuration": "one minute"}}, "queue 'q': LockDuration"),
        ({"Name": "q", "Properties": {"LockDuration": "PT0S"}}, "queue 'q': LockDuration"),
        ({"Name": "q", "Properties": {"LockDuration": "PT6M"}}, "at least PT0.001S and at most PT5M, not 'PT6M'"),
        ({"Name": "q", "Properties": {"AutoDeleteOnIdle": "PT1M"}}, "at least PT5M, not 'PT1M'"),
        ({"Name": "q", "Properties": {"MaxMessageSizeInKilobytes": 2048}}, "from 1 to 1024, not '2048'"),
        ({"Name": "q", "Properties": {"MaxDeliveryCount": 0}}, "queue 'q': MaxDeliveryCount"),
        (
            {"Name": "q", "Properties": {"MaxDeliveryCount": True}},
            "queue 'q': MaxDeliveryCount: it has to be an integer",
        ),
        ({"Name": "q", "Properties": {"RequiresSession": "true"}}, 'it has to be true or false, not "true"'),
        ({"Name": "q", "Properties": {"RequiresSession": 1}}, "it has to be true or false, not 1"),
        ({"Name": "q", "Properties": {"UserMetadata": "m" * 1025}}, "at most 1024 characters, not 1025"),
    ],
)
def test_unsupported_properties_are_refused_by_name(tmp_path: Path, queue: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(write(tmp_path, queue))


def test_every_property_is_read(tmp_path: Path) -> None:
    properties = {
        "ForwardTo": "target",
        "ForwardDeadLetteredMessagesTo": "Graves",
        "MaxSizeInMegabytes": 2048,
        "MaxMessageSizeInKilobytes": 256,
        "Status": "SendDisabled",
        "AutoDeleteOnIdle": "PT1H",
        "UserMetadata": "ours",
    }
    queues = read_config(
        write(tmp_path, {"Name": "q", "Properties": properties}, {"Name": "target"}, {"Name": "graves"})
    )
    assert queues[0] == QueueSettings(
        "q",
        forward_to="target",
        forward_dead_letters_to="Graves",
        max_size=2 * 1024**3,
        max_message_size=256 * 1024,
        status=EntityStatus.SEND_DISABLED,
        auto_delete_on_idle=3600,
        user_metadata="ours",
    )


def test_every_property_of_administration_can_be_configured(tmp_path: Path) -> None:
    default = QueueSettings("q")
    written = {each: each.form.write(getattr(default, each.field)) for each in PROPERTIES}
    properties = {each.name: text if each.form.json_type is str else json.loads(text) for each, text in written.items()}
    assert read_config(write(tmp_path, {"Name": "q", "Properties": properties})) == [default]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"UserConfig"', "not JSON: Expecting ':' delimiter: line 1"),
        ("[]", "UserConfig with Namespaces"),
        ('{"UserConfig": {}}', "UserConfig with Namespaces"),
        ('{"UserConfig": {"Namespaces": {"Name": "n"}}}', "Namespaces is not a list of objects"),
        ('{"UserConfig": {"Namespaces": ["n"]}}', "Namespaces is not a list of objects"),
        ('{"UserConfig": {"Namespaces": [{"Topics": "news"}]}}', "Topics is not a list of objects"),
        ('{"UserConfig": {"Namespaces": [{"Queues": ["q"]}]}}', "Queues is not a list of objects"),
    ],
)
def test_file_in_another_format_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"{path}: .*{message}"):
        read_config(path)


def test_topics_and_duplicate_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="topic 'news'"):
        read_config(write(tmp_path, topics=[{"Name": "news"}]))
    with pytest.raises(ConfigError, match="twice"):
        read_config(write(tmp_path, {"Name": "q"}, {"Name": "Q"}))
    with pytest.raises(ConfigError, match=r"missing\.json: No such file or directory"):
        read_config(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"UserConfig": {"Namespaces": []}, "userConfig": {}}, "userConfig"),
        ({"UserConfig": {"Namespaces": [], "Loging": {}}}, "UserConfig.Loging"),
        ({"UserConfig": {"Namespaces": [], "Logging": {"Typ": "File"}}}, "UserConfig.Logging.Typ"),
        ({"UserConfig": {"Namespaces": [{}, {"Queue": []}]}}, "UserConfig.Namespaces[1].Queue"),
        (
            {"UserConfig": {"Namespaces": [{"Queues": [{"Name": "q", "Propertys": {}}]}]}},
            "UserConfig.Namespaces[0].Queues[0].Propertys",
        ),
        (
            {"UserConfig": {"Namespaces": [{"Queues": [{"Name": "q", "Properties": {"LockDuraton": None}}]}]}},
            "queue 'q': Properties.LockDuraton",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_path(tmp_path: Path, document: object, path: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=rf"unknown key {re.escape(path)};|{re.escape(path)}; known"):
        read_config(file)


PUBLISHED = """{
  // The emulator's own file begins like this.
  "UserConfig": {
    "Namespaces": [
      {
        "Name": "sbemulatorns", /* "Queues": [], */
        "Queues": [
          {"Name": "q", "Properties": {"UserMetadata": "http://x, /* } ,] \\" //", "MaxDeliveryCount": 2147483647,},},
        ],
        "Topics": [],
      }
    ],
    "Logging": {"Type": "File"}
  }
}"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_comments_last_commas_and_byte_order_marks_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(PUBLISHED, encoding=encoding)
    metadata = 'http://x, /* } ,] " //'
    assert read_config(path) == [QueueSettings("q", max_delivery_count=2**31 - 1, user_metadata=metadata)]


def test_an_error_after_a_comment_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{ // one\n/* two\n three */ "a": \n }')
    with pytest.raises(ConfigError, match="line 4"):
        read_config(path)


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"UserConfig": {"Namespaces": [], "Namespaces": [{"Queues": [{"Name": "q"}]}]}}')
    with pytest.raises(ConfigError, match="the key 'Namespaces' twice"):
        read_config(path)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
def test_what_json_can_say_is_read_as_json_reads_it(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert read_json(text.encode("utf-8", "surrogatepass")) == value


@given(st.binary())
def test_any_file_is_a_configuration_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_bytes(data)
        with pytest.raises(ConfigError):
            read_config(path)
