import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.parameters import (
    ParameterSpec,
    canonical_parameters,
    canonical_text,
    same_parameters,
    training_key,
)

FLOAT, INT, BOOL, STR = (ParameterSpec(type=t, required=True) for t in ("float", "int", "bool", "str"))
WINE = {
    "alpha": ParameterSpec(type="float", minimum=0, maximum=10, required=True),
    "l1_ratio": ParameterSpec(type="float", minimum=0, maximum=1, default=0.5),
}


@pytest.mark.parametrize("spelling", [0.36, "0.36", "3.6e-1", "0.360", " 0.36 "])
def test_one_float_has_one_canonical_form(spelling: object) -> None:
    assert FLOAT.canonical(spelling) == 0.36
    assert canonical_text(FLOAT.canonical(spelling)) == "0.36"


@pytest.mark.parametrize(
    ("spec", "given_value", "canonical"),
    [
        (FLOAT, 1, 1.0),
        (FLOAT, -0.0, 0.0),
        (INT, "7", 7),
        (INT, 7.0, 7),
        (INT, "7e2", 700),
        (INT, "0" * 49 + "123", 123),
        (INT, 2**62 + 1, 2**62 + 1),
        (INT, "1e18", 10**18),
        (INT, "9007199254740993", 2**53 + 1),
        (INT, "9007199254740993.0", 2**53 + 1),
        (INT, 2.0**53, 2**53),
        (INT, "+3", 3),
        (INT, " 5 ", 5),
        (INT, "1e-0", 1),
        (FLOAT, "+.5e+1", 5.0),
        (FLOAT, "5.", 5.0),
        (FLOAT, "0e-999", 0.0),
        (FLOAT, "1e22", 1e22),
        (FLOAT, 2**53 + 2, 2.0**53 + 2),
        (FLOAT, 10**22, 1e22),
        (BOOL, "True", True),
        (BOOL, " YES ", True),
        (BOOL, 0, False),
        (STR, "0.36", "0.36"),
    ],
)
def test_canonical_values(spec: ParameterSpec, given_value: object, canonical: object) -> None:
    value = spec.canonical(given_value)
    assert (value, type(value)) == (canonical, type(canonical))
    assert canonical_text(value) != "-0.0"


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        (FLOAT, "much"), (FLOAT, "nan"), (FLOAT, "inf"), (FLOAT, True), (FLOAT, [1]), (FLOAT, {}), (FLOAT, 10**400),
        (INT, 1.5), (INT, "1.5"), (INT, 2**63), (INT, "9" * 4000), (INT, True),
        (INT, "5" + " " * 49 + "garbage"), (INT, "0" * 49 + "1.5"),
        (BOOL, "maybe"), (BOOL, 2), (BOOL, []), (BOOL, 1.0), (BOOL, "1.0"), (BOOL, "+1"), (BOOL, "\u0661"),
        (STR, 1), (STR, "x" * 501), (STR, "a\0b"), (STR, True), (STR, None),
        (WINE["alpha"], -0.001), (WINE["alpha"], "10.001"),
        (ParameterSpec(type="str", choices=("a", "b"), default="a"), "c"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(spec: ParameterSpec, wrong: object) -> None:
    with pytest.raises(ValueError, match="must"):
        spec.canonical(wrong)


TENTHS = ParameterSpec(type="float", minimum=0.1, maximum=0.95, step=0.1, default=0.1)
ODD = ParameterSpec(type="int", minimum=1, step=2, required=True)


@pytest.mark.parametrize(
    ("spec", "value", "canonical"),
    [
        (TENTHS, 0.3, 0.3),  # 0.1 + 2 * 0.1 is 0.30000000000000004 in floats
        (TENTHS, "0.70", 0.7),
        (TENTHS, "7e-1", 0.7),
        (ODD, "2e18", None),
        (ODD, 2**62 + 1, 2**62 + 1),
        (ParameterSpec(type="float", step=0.001, default=0), -0.003, -0.003),
        (ParameterSpec(type="float", step=1e-5, default=0), 1e300, 1e300),
        (ParameterSpec(type="float", step=0.25, default=0), 5e-324, None),
    ],
)
def test_values_are_held_to_the_steps(spec: ParameterSpec, value: object, canonical: object) -> None:
    if canonical is None:
        with pytest.raises(ValueError, match="plus a multiple"):
            spec.canonical(value)
    else:
        assert spec.canonical(value) == canonical


@pytest.mark.parametrize(
    ("spec", "value", "said"),
    [
        (TENTHS, 0.35, "must be 0.1 plus a multiple of 0.1: the nearest are 0.3 and 0.4, not 0.35"),
        (TENTHS, 0.1 + 0.2, "the nearest are 0.3 and 0.4, not 0.30000000000000004"),
        (TENTHS, 0.92, "the nearest is 0.9, not 0.92"),
        (ODD, 4, "must be 1 plus a multiple of 2: the nearest are 3 and 5, not 4"),
        (ODD, 2**62, "the nearest are 4611686018427387903 and 4611686018427387905"),
        (ParameterSpec(type="float", step=0.5, default=0), "-0.7", "the nearest are -1 and -0.5, not -0.7"),
    ],
)
def test_refusal_of_a_value_between_steps_names_the_nearest(spec: ParameterSpec, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        spec.canonical(value)


@given(st.integers(0, 9), st.integers(1, 400))
def test_every_step_is_a_value(places: int, number: int) -> None:
    step = float(f"1e-{places}")
    spec = ParameterSpec(type="float", minimum=step, step=step, required=True)
    assert canonical_text(spec.canonical(f"{number}e-{places}")) == str(float(f"{number}e-{places}"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "str", "step": 1},
        {"type": "float", "step": 0},
        {"type": "float", "step": float("inf")},
        {"type": "float", "step": 1, "minimum": float("-inf")},
        {"type": "int", "step": 0.5},
        {"type": "int", "step": 2, "minimum": 0.5},
        {"type": "float", "minimum": 0, "step": 0.2, "default": 0.3, "required": False},
        {"type": "int", "step": 2, "choices": (2, 3)},
    ],
)
def test_steps_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ParameterSpec.model_validate({"required": True} | wrong)


@pytest.mark.parametrize("spec", [FLOAT, INT], ids=["float", "int"])
@pytest.mark.parametrize(
    "text",
    [
        "1_0", "\u0663", "\uff15", "0x10", "0b1", "1,5", "1e", "e1", ".", "+", "", " ", "--1", "+-1", "1e1.5", "5 5",
        "infinity", "-inf", "NaN", "nan", "\u00a05", "5\u2003", "\x1c5", "1e\u0663", "\u00bd", "\u2160", "\u22121",
        "5\n5", "1" + "0" * 500,
    ],
)  # fmt: skip
def test_numbers_are_ascii_and_of_one_grammar(spec: ParameterSpec, text: str) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        spec.canonical(text)


@pytest.mark.parametrize(
    ("spec", "lossy"),
    [
        (FLOAT, 2**53 + 1), (FLOAT, -(2**53) - 1), (FLOAT, "9007199254740993"), (FLOAT, 2**63 - 1),
        (FLOAT, "1e-400"), (FLOAT, "0." + "0" * 400 + "1"), (FLOAT, "1e999"), (FLOAT, "-1e999"),
        (INT, 2.0**53 + 2), (INT, 1e18), (INT, 1e20), (INT, "1e20"), (INT, "1e999999999"), (INT, "1e-999999999"),
        (INT, "1e99999999999999999999"), (INT, "1e-99999999999999999999"), (INT, "-9223372036854775809"),
        (INT, float("inf")), (INT, float("nan")), (INT, "9007199254740992.5"), (INT, []), (INT, None),
    ],
)  # fmt: skip
def test_numbers_that_would_lose_something_are_refused(spec: ParameterSpec, lossy: object) -> None:
    with pytest.raises(ValueError, match="must"):
        spec.canonical(lossy)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (10.0000001, "must be at most 10, not 10.0000001"),
        (99, "must be at most 10, not 99"),
        (-1e-9, "must be at least 0, not -1e-09"),
    ],
)
def test_a_bound_and_a_value_beyond_it_never_read_the_same(value: float, message: str) -> None:
    with pytest.raises(ValueError, match="must be at") as refusal:
        WINE["alpha"].canonical(value)
    assert str(refusal.value) == message


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.sampled_from(["{}", "{}.0", " {}", "{}e0"]))
def test_a_whole_number_as_text_is_that_number(number: int, spelling: str) -> None:
    assert INT.canonical(spelling.format(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_as_text_is_that_float(number: float) -> None:
    assert FLOAT.canonical(repr(number)) == FLOAT.canonical(number) == number


@given(st.text())
def test_text_is_a_number_or_refused(text: str) -> None:
    try:
        value = FLOAT.canonical(text)
    except ValueError:
        return
    assert text.isascii()
    assert value == float(text)


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "str", "minimum": 1, "required": True},
        {"type": "float", "minimum": 2, "maximum": 1, "required": True},
        {"type": "float", "required": True, "default": 1},
        {"type": "float"},
        {"type": "float", "maximum": 1, "default": 2},
        {"type": "float", "default": 1, "minimun": 0},
    ],
)
def test_contradictory_specs_are_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ParameterSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"default": 0.3}, "the default must be 0 plus a multiple of 0.2"),
        ({"default": 0.2, "choices": [0.2, 0.5]}, "a choice must be 0 plus a multiple of 0.2"),
    ],
)
def test_catalog_is_told_which_of_its_values_is_wrong(spec: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ParameterSpec.model_validate({"type": "float", "step": 0.2, **spec})


def test_defaults_are_filled_in_and_every_mistake_is_listed() -> None:
    assert canonical_parameters(WINE, {"alpha": "1"}) == ({"alpha": 1.0, "l1_ratio": 0.5}, [])
    _, errors = canonical_parameters(WINE, {"l1_ratio": 2, "gamma": 1})
    assert {error.field for error in errors} == {
        "modelParameters.alpha", "modelParameters.l1_ratio", "modelParameters.gamma",
    }  # fmt: skip
    _, (error,) = canonical_parameters({}, {"gamma": 1})
    assert error.message == "unknown parameter; this model type has none"


def test_the_key_depends_on_type_and_values_and_not_on_order() -> None:
    key = training_key("wine", {"alpha": 0.36, "l1_ratio": 0.33})
    assert len(key) == 64
    assert key == training_key("wine", {"l1_ratio": 0.33, "alpha": 0.36})
    others = [
        training_key("beer", {"alpha": 0.36, "l1_ratio": 0.33}),
        training_key("wine", {"alpha": 0.33, "l1_ratio": 0.36}),
        training_key("wine", {"alpha": 0.36}),
    ]
    assert key not in others


@given(st.floats(min_value=0, max_value=10))
def test_what_a_notebook_logs_is_recognised(value: float) -> None:
    wanted, errors = canonical_parameters(WINE, {"alpha": value})
    assert not errors
    assert same_parameters(WINE, wanted, {"alpha": str(value), "l1_ratio": "0.50", "seed": "7"})


@pytest.mark.parametrize(
    "logged",
    [
        {},
        {"alpha": "1"},
        {"alpha": "1_", "l1_ratio": "0.5"},
        {"alpha": "\u0661", "l1_ratio": "0.5"},
        {"alpha": "2", "l1_ratio": "0.5"},
        {"alpha": "one", "l1_ratio": "0.5"},
    ],
)
def test_other_parameters_are_not_the_same(logged: dict[str, str]) -> None:
    assert not same_parameters(WINE, {"alpha": 1.0, "l1_ratio": 0.5}, logged)
