from benchmarks.harness.machine import describe


def test_the_machine_is_named() -> None:
    machine = describe([0])
    assert machine["processor"]
    assert machine["commit"]
