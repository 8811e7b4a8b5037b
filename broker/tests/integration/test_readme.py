"""The README's tables agree with the code. `test_installed` runs its commands and examples."""

import re

import typer.main

from servicebus_broker.cli import app
from servicebus_broker.limits import DEFAULT_LIMITS
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import MAX_QUEUES
from tests.integration.readme import section


def test_the_table_has_every_option_and_its_default() -> None:
    table = re.findall(r"^\| (`--[^|]*) \| ([^|]*) \|", section("Running it"), re.MULTILINE)
    documented = {tuple(re.findall(r"`(--[\w-]+)`", names)): default.strip(" `") for names, default in table}
    options = {
        (*parameter.opts, *parameter.secondary_opts): parameter for parameter in typer.main.get_command(app).params
    }
    assert set(documented) == set(options)
    for names, parameter in options.items():
        if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
            assert documented[names] == str(parameter.default)


def test_the_table_has_the_limits_of_the_broker() -> None:
    limits = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section("Limits"), re.MULTILINE))
    assert limits["connections at a time"] == f"{DEFAULT_LIMITS.max_connections:,} (`--max-connections`)"
    links = next(value for name, value in limits.items() if name.startswith("sessions of a connection"))
    assert links == f"{DEFAULT_LIMITS.channel_max + 1}; {DEFAULT_LIMITS.handle_max + 1:,}"
    assert DEFAULT_LIMITS.handle_max + 1 == DEFAULT_LIMITS.max_links
    assert limits["message, or batch, as it is encoded"] == f"{DEFAULT_LIMITS.max_message_size // 2**20} MiB"
    assert limits["messages of a batch"] == f"{DEFAULT_LIMITS.max_batch_messages:,}"
    assert limits["queues"] == f"{MAX_QUEUES:,}"
    assert limits["size of a queue, dead letters included"].startswith(f"{QueueSettings('q').max_size // 2**30} GiB")
    assert limits["silence of a client"].startswith(f"{DEFAULT_LIMITS.idle_timeout / 60:.0f} min")
