from benchmarks.goals import GOALS


def test_every_goal_says_something_about_some_run() -> None:
    assert len({goal.text for goal in GOALS}) == len(GOALS)
