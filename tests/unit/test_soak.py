"""What a soak counts as broken beside the ledger."""

from tests.faults.soak import PATIENCE_S, Fault, silences


def test_fault_after_which_nobody_is_answered_is_named() -> None:
    recovered = Fault(20.0, "kill -9", "train", PATIENCE_S - 1)
    silent = Fault(40.0, "connections cut", "run-model", PATIENCE_S)
    assert silences([recovered, silent]) == ["connections cut of run-model at 40.0 s: no answers within 180 s"]
