"""No credential leaves the processes that hold it, whatever goes wrong: not by a log, an answer, the store or a queue.

What is not looked at: what a model prints, and what it returns (SECURITY.md).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusClient

from functions.contracts import Operation, StartTraining
from functions.deployments import DEPLOYMENTS
from functions.queues import RUN_MODEL, TRAIN
from ondemand.stack import Stack
from ondemand.stack.specs import INFRASTRUCTURE
from tests.e2e.conftest import ENVIRON
from tests.e2e.secrets import canaries
from tests.e2e.secrets.hostile import HostileServer
from tests.e2e.secrets.troubles import (
    CATALOG,
    CREDENTIALS,
    HOSTILE_ANSWERS,
    KINDS_OF_LEAK,
    MESSAGES,
    REQUESTS,
    ask,
    command,
    message,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
NOTEBOOKS = f"/Shared/tests={Path(__file__).parent / 'notebooks'}"
HOSTS = tuple(DEPLOYMENTS)
SETTLED_S = 30


@dataclass
class Evidence:
    """What is left of all the trouble: answers by name, and the folders of the stacks."""

    infrastructure: Path
    operations: Path
    hosts: list[Path] = field(default_factory=list)
    answers: dict[str, list[bytes]] = field(default_factory=dict)

    def keep(self, trouble: str, response: httpx.Response) -> httpx.Response:
        headers = repr(response.headers.multi_items()).encode()
        self.answers.setdefault(trouble, []).append(str(response.status_code).encode() + headers + response.content)
        return response


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evidence(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Evidence]:
    folder = tmp_path_factory.mktemp("secrets")
    environ = {
        **ENVIRON,
        **canaries.ENVIRON,
        "CATALOG_FILE": str(CATALOG),
        "MAX_ROWS": "100",
        "MAX_BODY_BYTES": "2000000",
        "SERVICEBUS_BROKER_KEY": canaries.BUS_KEY,
    }
    environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "DATABRICKS_TIMEOUT_S": "2", "SEND_TIMEOUT_S": "2"}
    evidence = Evidence(folder / "infrastructure", folder / "operations")
    infrastructure = Stack(
        evidence.infrastructure, free_ports=True, environ=environ, only=INFRASTRUCTURE, workspaces=(NOTEBOOKS,)
    )
    async with infrastructure:
        connection = infrastructure.addresses.servicebus_connection
        own = {
            "SERVICEBUS_CONNECTION": re.sub("(?<=SharedAccessKey=)[^;]*", canaries.BUS_KEY, connection),
            "MLFLOW_TRACKING_URI": infrastructure.addresses.mlflow,
            "DATABRICKS_HOST": infrastructure.addresses.databricks,
            "DATABRICKS_AUTH_TYPE": "pat",
            "OPERATIONS_URL": evidence.operations.as_uri(),
        }
        async with _hosts(evidence, folder / "local", environ | own | {"DATABRICKS_TOKEN": "local"}) as http:
            await _wrong_requests(evidence, http)
            await _leaking_models(evidence, http)
            await _poison(evidence, http, connection)
        with HostileServer() as hostile:
            foreign = {
                "MLFLOW_TRACKING_URI": hostile.url,
                "DATABRICKS_HOST": hostile.url,
                "DATABRICKS_TOKEN": canaries.DATABRICKS_TOKEN,
                "OPERATIONS_URL": "az://operations",
                "AZURE_STORAGE_ENDPOINT": hostile.url,
                "AZURE_ALLOW_HTTP": "true",
            }
            async with _hosts(evidence, folder / "hostile", environ | own | foreign) as http:
                await _hostile_services(evidence, http, hostile, connection)
                await infrastructure.stop_part("broker")
                evidence.keep("no bus", await http.post("/predict", json=ask()))
                evidence.keep("no bus: ready", await http.get("/health/ready"))
    yield evidence


@asynccontextmanager
async def _hosts(evidence: Evidence, data: Path, environ: Mapping[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client, which sends credentials, of functions hosts on the given infrastructure."""
    evidence.hosts.append(data)
    async with (
        Stack(data, free_ports=True, environ=environ, only=HOSTS) as stack,
        httpx.AsyncClient(base_url=stack.url, headers=CREDENTIALS, timeout=SETTLED_S + 60) as http,
    ):
        yield http


async def _wrong_requests(evidence: Evidence, http: httpx.AsyncClient) -> None:
    async def send(trouble: str) -> None:
        method, path, body, headers = REQUESTS[trouble]
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        if isinstance(body, bytes) and "Content-Type" not in headers:
            headers = {"Content-Type": "application/json", **headers}
        evidence.keep(trouble, await http.request(method, path, headers=headers, **content))

    for trouble in REQUESTS:
        await send(trouble)


async def _leaking_models(evidence: Evidence, http: httpx.AsyncClient) -> None:
    async def send(trouble: str, body: Any) -> None:
        response = await http.post("/predict", json=body, headers={"Prefer": "wait=60"})
        evidence.keep(trouble, response)

    types = ("leaking", "exposed", "failing", "missing")
    await asyncio.gather(*(send(f"training of {model_type}", ask(model_type)) for model_type in types))
    for kind in KINDS_OF_LEAK:
        await asyncio.gather(
            send(f"leak {kind}", ask("leaking", {"a": kind})), send(f"exposed leak {kind}", ask("exposed", {"a": kind}))
        )


async def _poison(evidence: Evidence, http: httpx.AsyncClient, connection: str) -> None:
    operations = {}
    async with ServiceBusClient.from_connection_string(connection) as bus:
        for trouble, (queue, body) in MESSAGES.items():
            sent = message(queue, body())
            operations[trouble] = sent.correlation_id
            _begin(evidence, str(sent.correlation_id))
            async with bus.get_queue_sender(queue) as sender:
                await sender.send_messages(sent)

    async def outcome(trouble: str) -> None:
        answer = await http.get(f"/predict/{operations[trouble]}", headers={"Prefer": f"wait={SETTLED_S}"})
        assert evidence.keep(f"poison: {trouble}", answer).json()["status"] == "error", trouble

    await asyncio.gather(*(outcome(trouble) for trouble in ("bytes", "text", "a list of text")))


def _begin(evidence: Evidence, operation_id: str) -> None:
    """As predict does before it answers 202: an operation that was not begun is unknown."""
    status = evidence.operations / operation_id / "status.json"
    status.parent.mkdir(parents=True)
    status.write_bytes(Operation(operation_id=operation_id, status="pending").to_json())


async def _hostile_services(
    evidence: Evidence, http: httpx.AsyncClient, hostile: HostileServer, connection: str
) -> None:
    async with (
        ServiceBusClient.from_connection_string(connection) as bus,
        bus.get_queue_sender(TRAIN) as train,
        bus.get_queue_sender(RUN_MODEL) as run_model,
    ):
        for hostile.status, hostile.kind in HOSTILE_ANSWERS:
            name = f"{hostile.status} as {hostile.kind}"
            before = hostile.requests
            trained = command(given={"depth": 5})
            await train.send_messages(message(TRAIN, StartTraining(command=trained).to_json()))
            await run_model.send_messages(message(RUN_MODEL, trained.to_json()))
            key = {"Idempotency-Key": f"{canaries.IDEMPOTENCY_KEY}-{name}"}
            polled, claimed, waited, listed = await asyncio.gather(
                http.get(f"/predict/{trained.operation}"),
                http.post("/predict", json=ask(), headers=key),
                http.post("/predict", json=ask(depth=1), headers={"Prefer": "wait=1"}),
                http.get("/models/leaking"),
            )
            evidence.keep(f"store: poll, {name}", polled)
            evidence.keep(f"store: claim, {name}", claimed)
            evidence.keep(f"MLflow, {name}", waited)
            evidence.keep(f"MLflow: list, {name}", listed)
            assert hostile.requests > before


async def test_every_kind_of_trouble_was_made(evidence: Evidence) -> None:
    assert len(evidence.answers) >= 80
    statuses = {int(kept[:3]) for answers in evidence.answers.values() for kept in answers}
    assert statuses >= {200, 202, 400, 404, 413, 415, 422, 500, 502, 503}
    assert all(b"***" in evidence.answers[f"exposed leak {kind}"][0] for kind in (1, 7, 9))


async def test_no_log_has_a_credential(evidence: Evidence) -> None:
    logs = [folder / "logs" for folder in (evidence.infrastructure, *evidence.hosts)]
    assert [line for folder in logs for line in canaries.findings_in(folder)] == []


async def test_no_answer_has_a_credential(evidence: Evidence) -> None:
    answers = {f"{trouble}": b"\n".join(kept) for trouble, kept in evidence.answers.items()}
    assert [line for trouble, kept in answers.items() for line in canaries.findings(trouble, kept)] == []


async def test_no_stored_operation_has_a_credential(evidence: Evidence) -> None:
    assert any(evidence.operations.rglob("result.json"))
    assert canaries.findings_in(evidence.operations) == []


async def test_no_queue_has_a_credential(evidence: Evidence) -> None:
    journal = evidence.infrastructure / "broker"
    assert canaries.findings_in(journal, canaries.ROWS)
    assert canaries.findings_in(journal) == []


async def test_logs_of_predict_and_train_have_no_rows(evidence: Evidence) -> None:
    """That of run_model has what the model's own library says of a row."""
    logs = [folder / "logs" for folder in evidence.hosts]
    rows = [line for folder in logs for line in canaries.findings_in(folder, canaries.ROWS)]
    assert [line for line in rows if "/run-model" not in line] == []


async def test_no_line_of_a_log_is_forged(evidence: Evidence) -> None:
    """Lines begin with a time, or belong to a traceback and are indented."""
    for folder in evidence.hosts:
        for log in (folder / "logs").iterdir():
            for line in log.read_text().splitlines():
                assert re.match(r"\d{4}([-/])\d\d\1\d\d [\d:,]+ [A-Z]+ |    ", line), line
                assert not re.match(r"2026-01-01", line), line
