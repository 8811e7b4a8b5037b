"""The command and the environment of each part of the stack."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ondemand.functions_app import DEPLOYMENTS, QUEUES
from ondemand.stack.addresses import HOST, Addresses, Ports
from ondemand.stack.part import PartSpec

INFRASTRUCTURE = ("broker", "mlflow", "databricks")
HOST_DRAIN_TIMEOUT_S = "10"  # below the time a part gets to stop


class Specs:
    """Builds the specification of a part from the addresses and folders of the stack."""

    def __init__(
        self,
        data: Path,
        ports: Ports,
        addresses: Addresses,
        environ: Mapping[str, str],
        workspaces: Sequence[str],
        otel: str | None = None,
    ) -> None:
        self._data = data
        self._workspaces = [option for workspace in workspaces for option in ("--workspace", workspace)]
        self._ports = ports
        self._otel = otel
        self._environ = {**environ, **_environ_of(data, addresses, environ)}

    def infrastructure(self, part: str) -> PartSpec:
        """The specification of the broker, MLflow or Databricks."""
        arguments = {
            "broker": ("servicebus_broker", "--config", str(QUEUES), "--data", str(self._data / part)),
            "mlflow": ("ondemand.mlflow_server", "--data", str(self._data / part)),
            "databricks": ("ondemand.databricks", "--data", str(self._data / part), *self._workspaces),
        }[part]
        return self._spec(part, arguments, {})

    def host(self, name: str, deployment: str) -> PartSpec:
        """A functions host called *name* that runs the functions of *deployment*."""
        functions = enumerate(DEPLOYMENTS[deployment])
        only = {f"AzureFunctionsJobHost__functions__{index}": function for index, function in functions}
        return self._spec(
            name, ("ondemand.host", "--drain-timeout", HOST_DRAIN_TIMEOUT_S), only | self._telemetry(name)
        )

    def _telemetry(self, name: str) -> dict[str, str]:
        """Each host is a service of its own name; only they are told the collector, by the standard variables."""
        if self._otel is None:
            return {}
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._otel,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": name,
        }

    def _spec(self, name: str, arguments: tuple[str, ...], environ: Mapping[str, str]) -> PartSpec:
        return PartSpec(
            name=name,
            arguments=(*arguments, "--port", str(self._ports[name])),
            log=self._data / "logs" / f"{name}.log",
            environ={**self._environ, **environ},
        )


def _environ_of(data: Path, addresses: Addresses, given: Mapping[str, str]) -> dict[str, str]:
    environ = {
        "SERVICEBUS_CONNECTION": addresses.servicebus_connection,
        "MLFLOW_TRACKING_URI": addresses.mlflow,
        "DATABRICKS_HOST": addresses.databricks,
        "OPERATIONS_URL": addresses.operations,
        "MODEL_CACHE_DIR": given.get("MODEL_CACHE_DIR") or str(data / "models"),
        "PYTHONUNBUFFERED": "1",
    }
    if addresses.databricks.startswith(f"http://{HOST}:"):
        environ |= {"DATABRICKS_TOKEN": "local", "DATABRICKS_AUTH_TYPE": "pat"}
    return environ
