import pytest

from benchmarks.own.zipf import zipf


def test_zipf_asks_for_the_first_model_twice_as_often_as_for_the_second() -> None:
    asked = zipf(models=200, requests=50_000, seed=3)

    counts = [asked.count(model) for model in range(4)]
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.05)
    assert counts[0] / counts[3] == pytest.approx(4, rel=0.1)
    assert set(asked) <= set(range(200))
    assert counts[0] / len(asked) == pytest.approx(1 / sum(1 / rank for rank in range(1, 201)), rel=0.05)


def test_zipf_is_the_same_traffic_every_time() -> None:
    assert zipf(20, 100, seed=1) == zipf(20, 100, seed=1) != zipf(20, 100, seed=2)
