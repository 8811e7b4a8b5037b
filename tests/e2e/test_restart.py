"""What `ondemand up` leaves in its data folder comes back with the next one."""

from pathlib import Path

from ondemand.stack import Stack
from tests.e2e.client import PATIENCE_S, Client, wine, wine_key
from tests.e2e.conftest import ENVIRON


async def test_models_runs_and_operations_survive_the_stack(tmp_path: Path) -> None:
    async with Stack(tmp_path, free_ports=True, environ=ENVIRON) as first, Client(first.url, first.addresses) as client:
        accepted = await client.predict(wine(alpha=0.36, l1_ratio=0.33))
        assert accepted.status_code == 202
        run_id = accepted.json()["runId"]
        answer = await client.outcome(run_id)

    async with (
        Stack(tmp_path, free_ports=True, environ=ENVIRON) as second,
        Client(second.url, second.addresses) as client,
    ):
        assert await client.outcome(run_id) == answer
        again = (await client.predict(wine(alpha=0.36, l1_ratio=0.33), wait=PATIENCE_S)).json()
        assert (again["model"], again["result"]) == (answer["model"], answer["result"])
        assert again["training"] is None
        assert len(await client.databricks_runs(wine_key(alpha=0.36, l1_ratio=0.33))) == 1


async def test_what_was_under_way_at_the_stop_is_finished_after_it(tmp_path: Path) -> None:
    async with Stack(tmp_path, free_ports=True, environ=ENVIRON) as first, Client(first.url, first.addresses) as client:
        accepted = await client.predict(wine(alpha=0.37, l1_ratio=0.33))
        assert accepted.status_code == 202
        await first.kill_part("broker")

    async with (
        Stack(tmp_path, free_ports=True, environ=ENVIRON) as second,
        Client(second.url, second.addresses) as client,
    ):
        answer = await client.outcome(accepted.json()["runId"])
        assert answer["status"] == "completed" or "Databricks" in answer["error"]["detail"], answer
