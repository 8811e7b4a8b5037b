import pytest

from ondemand.host.worker import protos
from ondemand.host.worker.protos import ParameterBinding, RpcHttpCookie, TypedData


@pytest.mark.parametrize(("kind", "value"), [("string", "x"), ("bytes", b"x"), ("json", "{}"), ("int", 1)])
def test_value_is_read_by_its_kind(kind: str, value: object) -> None:
    data = TypedData(**{kind: value})
    assert data.WhichOneof("data") == kind
    assert getattr(data, kind) == value
    assert repr(data) == f"TypedData({kind}={value!r})"


def test_no_value_has_no_kind() -> None:
    assert TypedData().WhichOneof("data") is None
    assert TypedData() == TypedData()
    assert TypedData() != TypedData(string="")


def test_argument_is_data() -> None:
    assert ParameterBinding("x", TypedData()).WhichOneof("rpc_data") == "data"


def test_name_that_python_has_as_a_keyword_is_there() -> None:
    assert getattr(RpcHttpCookie.SameSite, "None") == 0


def test_message_holds_no_class_of_the_module() -> None:
    """The runtime looks for ``TypedData`` on a message first, to tell it from the module."""
    assert hasattr(protos, "TypedData")
    assert not hasattr(TypedData(), "TypedData")
