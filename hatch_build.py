"""What the wheel carries beside ``ondemand``: the Functions app as data, so that no ``functions`` can be imported."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APP = ("function_app.py", "host.json", "models.yaml", "functions", "notebooks")


class FunctionsAppHook(BuildHookInterface[Any]):  # Any: the configuration of the builder, which is not looked at
    """Adds the app to a wheel. An editable installation runs that of the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files; hatchling calls this before it builds."""
        if version == "standard":
            build_data["force_include"].update({name: f"ondemand/app/{name}" for name in APP})
