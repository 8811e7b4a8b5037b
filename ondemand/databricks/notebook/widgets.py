"""``dbutils.widgets``: how a notebook declares its parameters, and reads them. All values are strings."""

from collections.abc import Sequence


class InputWidgetNotDefined(Exception):
    """No widget and no parameter of the run has this name."""


class InvalidInputWidget(Exception):
    """A widget is declared with no choices, or with a default that is not among them."""


class Widgets:
    """Declared widgets with the run's parameters over their defaults, under the names that Databricks uses."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self._parameters = parameters
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str, label: str | None = None) -> None:
        self._declare(name, defaultValue)

    def dropdown(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:
        self._declare_choice(name, defaultValue, choices)

    def combobox(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:
        self._declare(name, defaultValue)

    def multiselect(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:
        self._declare_choice(name, defaultValue, choices)

    def get(self, name: str) -> str:
        if name in self._parameters:
            return self._parameters[name]
        if name in self._defaults:
            return self._defaults[name]
        raise InputWidgetNotDefined(f"No input widget named {name} is defined")

    def getArgument(self, name: str, defaultValue: str | None = None) -> str:
        try:
            return self.get(name)
        except InputWidgetNotDefined:
            if defaultValue is None:
                raise
            return defaultValue

    def getAll(self) -> dict[str, str]:
        return self._defaults | self._parameters

    def remove(self, name: str) -> None:
        self._defaults.pop(name, None)

    def removeAll(self) -> None:
        self._defaults.clear()

    def _declare(self, name: str, default: str) -> None:
        if not isinstance(default, str):
            raise InvalidInputWidget(f"The default value of widget {name} must be a string, not {default!r}")
        self._defaults[name] = default

    def _declare_choice(self, name: str, default: str, choices: Sequence[str]) -> None:
        if default not in choices:
            raise InvalidInputWidget(f"The default value {default!r} of widget {name} is not one of {list(choices)}")
        self._declare(name, default)
