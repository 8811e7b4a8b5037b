"""Hyper-parameters in their one canonical form, and the training key made of it."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import zip_longest
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.errors import MAX_LISTED, FieldError, cut

ParameterValue = bool | int | float | str
MAX_STRING = 500
EXACT = 2**53
"""Up to here a float holds every whole number."""
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_ZERO = re.compile(r"[^eE]*[1-9]")
_BLANKS = " \t\r\n"
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


class ParameterSpec(BaseModel):
    """One hyper-parameter of a model type, as the catalog describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["float", "int", "bool", "str"]
    minimum: float | None = None
    maximum: float | None = None
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Values are ``minimum`` (0 without one) plus a whole number of steps, by their decimal digits."""
    choices: Annotated[tuple[ParameterValue, ...], Field(min_length=1)] | None = None
    default: ParameterValue | None = None
    required: bool = False
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "ParameterSpec":
        if self.type not in ("float", "int") and {self.minimum, self.maximum, self.step} != {None}:
            raise ValueError(f"minimum, maximum and step do not fit the type {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        if self.step is not None and not math.isfinite(self._origin):
            raise ValueError("a step needs a finite minimum")
        if self.type == "int" and self.step is not None and not (self.step.is_integer() and self._origin.is_integer()):
            raise ValueError("step and minimum of an int must be whole numbers")
        if self.required and self.default is not None:
            raise ValueError("a required parameter has no default")
        if not self.required and self.default is None:
            raise ValueError("give a default or set required: true")
        for choice in self.choices or ():
            self._checked("a choice", choice)
        if self.default is not None:
            self._checked("the default", self.default)
        return self

    def _checked(self, what: str, value: object) -> None:
        try:
            self.canonical(value)
        except ValueError as error:
            raise ValueError(f"{what} {error}") from error

    def canonical(self, value: object) -> ParameterValue:
        """The value as this parameter's type, checked against its bounds.

        ``0.36``, ``"0.36"`` and ``"3.6e-1"`` are the same float. Raises ValueError saying what is wrong.
        """
        converted = _CONVERTERS[self.type](value)
        if self.minimum is not None and isinstance(converted, int | float) and converted < self.minimum:
            raise ValueError(f"must be at least {_shown(self.minimum)}, not {_shown(converted)}")
        if self.maximum is not None and isinstance(converted, int | float) and converted > self.maximum:
            raise ValueError(f"must be at most {_shown(self.maximum)}, not {_shown(converted)}")
        if self.choices is not None and converted not in [_CONVERTERS[self.type](choice) for choice in self.choices]:
            raise ValueError(f"must be one of {', '.join(map(str, self.choices))}")
        if self.step is not None and isinstance(converted, int | float):
            self._refuse_between_steps(converted)
        return converted

    @property
    def _origin(self) -> float:
        return self.minimum or 0.0

    def _refuse_between_steps(self, value: float) -> None:
        """Exact: what counts is the shortest decimal text of a number, by which 0.1 + 2 * 0.1 is 0.3."""
        origin, step = _decimal(self._origin), _decimal(self.step or 1)
        steps = (_decimal(value) - origin) / step
        if steps.denominator == 1:
            return
        below = math.floor(steps)
        nearest = [origin + number * step for number in (below, below + 1)]
        allowed = [_decimal_text(number) for number in nearest if self.maximum is None or number <= self.maximum]
        raise ValueError(
            f"must be {_shown(self._origin)} plus a multiple of {_shown(self.step or 1)}: the nearest "
            f"{'are' if len(allowed) > 1 else 'is'} {' and '.join(allowed)}, not {_shown(value)}"
        )


@lru_cache(1000)
def _decimal(number: float) -> Fraction:
    return Fraction(str(number))


def _decimal_text(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else _shown(float(number))


def _shown(number: float) -> str:
    """With all digits that tell it from its neighbours: 10.0000001 is not shown as 10."""
    return str(number).removesuffix(".0")


def _number_text(value: str) -> str:
    """ASCII digits with an optional sign, fraction and exponent; blanks around them do not count. Raises ValueError.

    Python's own conversions also take "1_0", the digits of other scripts, "nan" and "inf".
    """
    text = value.strip(_BLANKS) if len(value) <= MAX_STRING else ""
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number")
    return text


def _parsed(text: str) -> int | float:
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    number = float(text)
    if number == 0 and _NOT_ZERO.match(text):
        raise ValueError("must be zero or a number that is not too small for a float")
    return number


def _to_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    if isinstance(value, str):
        value = _parsed(_number_text(value))
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("must be a finite number") from error
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    if isinstance(value, int) and abs(value) > EXACT and int(number) != value:
        raise ValueError("must fit a float without loss: this whole number has more digits than a float holds")
    return number + 0.0  # -0.0 becomes 0.0


def _to_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a whole number")
    number = _exact(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("must fit 64 bits")
    if number != int(number):
        raise ValueError("must be a whole number")
    if isinstance(value, float) and abs(value) > EXACT:
        raise ValueError("must be written without fraction and exponent: a float of that size may have lost digits")
    return int(number)


def _exact(value: float | str) -> int | Decimal:
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("must be a finite number")
        return Decimal(value)
    try:
        return Decimal(_number_text(value))
    except InvalidOperation as error:  # an exponent of twenty digits
        raise ValueError("must be a whole number that fits 64 bits") from error


def _to_bool(value: object) -> bool:
    text = str(value).strip(_BLANKS).lower()
    if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("must be true or false")


def _to_str(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if len(value) > MAX_STRING:
        raise ValueError(f"must be at most {MAX_STRING} characters")
    if "\0" in value:
        raise ValueError("must have no NUL character")
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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name that is nearest to a misspelt one, as the end of a sentence; empty if none is near."""
    from difflib import get_close_matches  # only mistakes need it

    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(name[:100].lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def canonical_parameters(
    specs: Mapping[str, ParameterSpec], given: Mapping[str, object]
) -> tuple[dict[str, ParameterValue], list[FieldError]]:
    """The canonical parameters in the catalog's order with defaults filled in, and every field that is wrong."""
    values: dict[str, ParameterValue] = {}
    unknown = [name for name in given if name not in specs]
    errors = _unknown_parameters(specs, unknown) if unknown else []
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


def _unknown_parameters(specs: Mapping[str, ParameterSpec], names: list[str]) -> list[FieldError]:
    """The nearest known names are looked for only where the answer shows them: that takes long."""
    known = f"known are {', '.join(specs)}" if specs else "this model type has none"
    hints = [did_you_mean(name, specs) for name in names[:MAX_LISTED]]
    return [
        FieldError(field=f"modelParameters.{cut(name)}", message=f"unknown parameter; {known}{hint}")
        for name, hint in zip_longest(names, hints, fillvalue="")
    ]


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
