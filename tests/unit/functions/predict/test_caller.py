"""Who asks. The choice among several keys in one request must be that of the host, which checks only one."""

import pytest
from obstore.store import MemoryStore
from pydantic import SecretStr

from functions.operations import Operations
from functions.predict.caller import UNKNOWN, Callers
from functions.predict.secret import Secret

OBJECT_ID = "0b3c5f7e-1a2b-4c3d-8e9f-0123456789ab"


def callers(secret: str = "a secret of 16 or more", trust_client_principal: bool = False) -> Callers:
    return Callers(Secret(Operations(MemoryStore()), SecretStr(secret)), trust_client_principal)


async def test_key_has_a_name_that_does_not_tell_the_key() -> None:
    name = await callers().name({"x-functions-key": "the-key"}, {})
    assert name == await callers().name({}, {"code": "the-key"})
    assert name.startswith("key:")
    assert len(name) == len("key:") + 16
    assert "the-key" not in name
    assert name != await callers().name({"x-functions-key": "another"}, {})
    assert name != await callers("another secret of 16").name({"x-functions-key": "the-key"}, {})


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-functions-key": "the-key"}, {"code": "junk"}),
        ({"x-functions-key": "the-key,junk"}, {}),
        ({}, {"code": "the-key,junk"}),
        ({}, {"CODE": "the-key"}),
    ],
    ids=["the header comes first", "the first header", "the first of the query", "the query's names have no case"],
)
async def test_nobody_is_many_callers_with_one_key(headers: dict[str, str], query: dict[str, str]) -> None:
    assert await callers().name(headers, query) == await callers().name({"x-functions-key": "the-key"}, {})


async def test_request_without_a_key_is_of_an_unknown_caller() -> None:
    assert await callers().name({}, {}) == UNKNOWN
    assert await callers().name({"x-functions-key": ""}, {}) == UNKNOWN


async def test_principal_is_the_caller_only_where_the_platform_sets_it() -> None:
    headers = {"x-ms-client-principal-id": OBJECT_ID.upper(), "x-ms-client-principal-idp": "aad"}
    assert await callers(trust_client_principal=True).name(headers, {}) == f"entra:{OBJECT_ID}"
    assert await callers().name(headers, {}) == UNKNOWN


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ms-client-principal-id": OBJECT_ID, "x-ms-client-principal-idp": "github"},
        {"x-ms-client-principal-id": 'x"\n{"caller":"entra:y"}'},
        {"x-ms-client-principal-id": OBJECT_ID + "\n" + OBJECT_ID},
    ],
)
async def test_principal_that_is_no_object_id_is_not_taken(headers: dict[str, str]) -> None:
    assert await callers(trust_client_principal=True).name(headers, {}) == UNKNOWN
