from benchmarks.training import LOOK_S, intervals


def test_calls_close_together_are_one_look() -> None:
    assert intervals([10.0, 10.0 + LOOK_S / 2, 20.0, 31.0, 31.1]) == 3


def test_one_call_is_one_look_and_none_is_none() -> None:
    assert intervals([5.0]) == 1
    assert intervals([]) == 0
