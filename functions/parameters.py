"""Hyper-parameters in their one canonical form, and the training key made of it."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.errors import FieldError

ParameterValue = bool | int | float | str
MAX_STRING = 500
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


class ParameterSpec(BaseModel):
    """One hyper-parameter of a model type, as the catalog describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["float", "int", "bool", "str"]
    minimum: float | None = None
    maximum: float | None = None
    choices: Annotated[tuple[ParameterValue, ...], Field(min_length=1)] | None = None
    default: ParameterValue | None = None
    required: bool = False
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "ParameterSpec":
        if self.type not in ("float", "int") and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"minimum and maximum do not fit the type {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        if self.required and self.default is not None:
            raise ValueError("a required parameter has no default")
        if not self.required and self.default is None:
            raise ValueError("give a default or set required: true")
        for value in (*(self.choices or ()), *(() if self.default is None else (self.default,))):
            self.canonical(value)
        return self

    def canonical(self, value: object) -> ParameterValue:
        """The value as this parameter's type, checked against its bounds.

        ``0.36``, ``"0.36"`` and ``"3.6e-1"`` are the same float. Raises ValueError saying what is wrong.
        """
        converted = _CONVERTERS[self.type](value)
        if self.minimum is not None and isinstance(converted, int | float) and converted < self.minimum:
            raise ValueError(f"must be at least {self.minimum:g}, not {converted:g}")
        if self.maximum is not None and isinstance(converted, int | float) and converted > self.maximum:
            raise ValueError(f"must be at most {self.maximum:g}, not {converted:g}")
        if self.choices is not None and converted not in [_CONVERTERS[self.type](choice) for choice in self.choices]:
            raise ValueError(f"must be one of {', '.join(map(str, self.choices))}")
        return converted


def _to_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a number") from error
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number + 0.0  # -0.0 becomes 0.0


def _to_int(value: object) -> int:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        as_float = _to_float(value)
        if not as_float.is_integer():
            raise ValueError("must be a whole number")
        number = int(as_float)
    if not -(2**63) <= number < 2**63:
        raise ValueError("must fit 64 bits")
    return number


def _to_bool(value: object) -> bool:
    text = str(value).strip().lower()
    if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("must be true or false")


def _to_str(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if len(value) > MAX_STRING:
        raise ValueError(f"must be at most {MAX_STRING} characters")
    return value


_CONVERTERS: dict[str, Callable[[object], ParameterValue]] = {
    "float": _to_float,
    "int": _to_int,
    "bool": _to_bool,
    "str": _to_str,
}


def canonical_text(value: ParameterValue) -> str:
    """The value as text: what the notebook gets as a widget value and what MLflow shows as a parameter."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def canonical_parameters(
    specs: Mapping[str, ParameterSpec], given: Mapping[str, object]
) -> tuple[dict[str, ParameterValue], list[FieldError]]:
    """The canonical parameters in the catalog's order with defaults filled in, and every field that is wrong."""
    values: dict[str, ParameterValue] = {}
    errors = [
        FieldError(field=f"modelParameters.{name[:100]}", message=f"unknown parameter; known are {', '.join(specs)}")
        for name in given
        if name not in specs
    ]
    for name, spec in specs.items():
        value = given.get(name)
        if value is None:
            value = spec.default
        if value is None:
            errors.append(FieldError(field=f"modelParameters.{name}", message="is required"))
            continue
        try:
            values[name] = spec.canonical(value)
        except ValueError as error:
            errors.append(FieldError(field=f"modelParameters.{name}", message=str(error)))
    return values, errors


def same_parameters(
    specs: Mapping[str, ParameterSpec], wanted: Mapping[str, ParameterValue], logged: Mapping[str, str]
) -> bool:
    """Whether the parameters that an MLflow run logged (always text) are the wanted ones, compared canonically."""
    try:
        return all(name in logged and specs[name].canonical(logged[name]) == value for name, value in wanted.items())
    except ValueError:
        return False


def training_key(model_type: str, parameters: Mapping[str, ParameterValue]) -> str:
    """SHA-256 over type and canonical parameters: 64 hexadecimal characters, Databricks' longest idempotency token."""
    document = [model_type, sorted((name, canonical_text(value)) for name, value in parameters.items())]
    return hashlib.sha256(json.dumps(document, separators=(",", ":")).encode()).hexdigest()
