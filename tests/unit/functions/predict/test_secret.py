"""The secret of all instances."""

import asyncio
import os
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore
from pydantic import SecretStr

from functions.errors import Unavailable
from functions.operations import SHARED_BY_INSTANCES, Operations
from functions.predict.secret import WRITE_AGAIN_S, WRITE_EVERY_S, Secret


async def test_instances_that_start_together_agree_on_one(tmp_path: Path) -> None:
    operations = [Operations(LocalStore(tmp_path)) for _ in range(10)]
    secrets = await asyncio.gather(*(Secret(each, None).value() for each in operations))
    assert len(set(secrets)) == 1
    assert len(secrets[0]) == 32
    assert await Secret(Operations(LocalStore(tmp_path)), None).value() == secrets[0]


async def test_stores_have_secrets_of_their_own() -> None:
    assert (
        await Secret(Operations(MemoryStore()), None).value() != await Secret(Operations(MemoryStore()), None).value()
    )


async def test_configured_one_needs_no_store(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a file where a folder should be")
    operations = Operations(LocalStore(tmp_path))
    secret = Secret(operations, SecretStr("0123456789abcdef"))
    await secret.keep()
    assert await secret.value() == await Secret(operations, SecretStr("0123456789abcdef")).value()


async def test_store_that_is_away_is_told_and_asked_again(tmp_path: Path) -> None:
    blocker = tmp_path / "secret"
    blocker.write_text("a file where a folder should be")
    secret = Secret(Operations(LocalStore(tmp_path)), None)
    with pytest.raises(Unavailable):
        await secret.value()
    blocker.unlink()
    assert await secret.value()


async def test_it_is_written_again_before_a_lifecycle_rule_deletes_it(tmp_path: Path) -> None:
    now = 1000.0
    operations = Operations(LocalStore(tmp_path))
    value = await Secret(operations, None).value()
    file = tmp_path / SHARED_BY_INSTANCES
    secret = Secret(operations, None, lambda: now)
    for wait_s, written in ((0.0, True), (1.0, False), (WRITE_EVERY_S, True), (1.0, False)):
        now += wait_s
        os.utime(file, (0, 0))
        await secret.keep()
        assert (file.stat().st_mtime > 0) == written
        assert file.read_bytes() == value


async def test_instance_that_knows_it_is_ready_while_the_store_is_away(tmp_path: Path) -> None:
    now = 1000.0
    secret = Secret(Operations(LocalStore(tmp_path)), None, lambda: now)
    await secret.keep()
    file = tmp_path / SHARED_BY_INSTANCES
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("a file where a folder should be")
    now += WRITE_EVERY_S
    await secret.keep()
    file.parent.unlink()
    now += WRITE_AGAIN_S
    await secret.keep()
    assert file.read_bytes() == await secret.value()
