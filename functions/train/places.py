"""The places that trainings take up, and the quotas that bound them. Pure: the time and the figures are given.

A training has one place, whose key is its training key. The place counts in the windows of its caller and type from
when it was claimed, and among the trainings at once until its run has ended. Two things make it end without that: no
submission was recorded (`SUBMISSION`), or the time that Databricks gives the run is over.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import is_
from statistics import median

from pydantic import BaseModel, ConfigDict

from functions.errors import TooManyTrainings

SUBMISSION = timedelta(minutes=5)
"""A place without a run ends after this. A submission that is tried again later claims it again."""
QUEUEING = timedelta(minutes=10)
"""What a run may take beyond its type's timeout: its cluster is made first."""
CLOCK_SKEW = timedelta(minutes=1)
"""Between the clocks of Databricks and of the process that claimed a place."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXPECTED_S = 60
"""Seconds after which a place at once may be free, where no training of the type has ended today."""
SOONEST_S = 5
"""For a training that takes longer than usual."""


class Place(BaseModel):
    """One submission of a training. ``until`` is when it counts as ended, should nobody see the end of its run."""

    model_config = ConfigDict(frozen=True)

    key: str
    token: str
    """The idempotency token of the submission: a key has another one for each run (see `functions.train.service`)."""
    model_type: str
    caller: str
    claimed_at: datetime
    until: datetime
    databricks_run_id: int | None = None
    ended_at: datetime | None = None

    def active(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.until

    def counts(self, now: datetime) -> bool:
        """Whether a quota may still count it."""
        return self.active(now) or now - self.claimed_at < DAY

    def serves(self, created_at: datetime, now: datetime) -> bool:
        """Whether its run may serve a command that was accepted then."""
        return self.active(now) if self.ended_at is None else self.ended_at > created_at


@dataclass(frozen=True)
class EndedRun:
    """A Databricks run that has ended, of the training `key`."""

    key: str
    databricks_run_id: int
    ended_at: datetime
    failure: str = ""
    """The termination code of a run that failed."""
    seconds: float = 0.0
    """How long it ran."""

    def applied_to(self, place: Place) -> Place | None:
        """The place after this end. None where the run was over before the place was claimed: nothing was submitted.

        The place of a submission that was not recorded is known by its time.
        """
        unrecorded = place.databricks_run_id is None and place.key == self.key and self.ended_at > place.claimed_at
        if place.ended_at is not None or not (unrecorded or place.databricks_run_id == self.databricks_run_id):
            return place
        if self.ended_at < place.claimed_at - CLOCK_SKEW:
            return None
        return place.model_copy(update={"databricks_run_id": self.databricks_run_id, "ended_at": self.ended_at})


class Places(BaseModel):
    """All places that a quota may count, in the order of their claims."""

    places: tuple[Place, ...] = ()

    def changed(self, change: Callable[[Place], Place | None]) -> "Places":
        """These places themselves if nothing changes."""
        changed = [change(place) for place in self.places]
        if all(map(is_, changed, self.places)):
            return self
        return Places(places=tuple(place for place in changed if place is not None))

    def ended_by(self, run: EndedRun) -> list[Place]:
        """The places that `run` had until now."""
        return [place for place in self.places if run.applied_to(place) not in (place, None)]

    def active(self, now: datetime) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.active(now))

    def has_one_for(self, key: str, token: str, created_at: datetime, now: datetime) -> bool:
        """Whether a command needs no other place: its token was submitted before, or a run of its key serves it."""
        return any(
            (place.token == token and place.databricks_run_id is not None) or place.serves(created_at, now)
            for place in self.places
            if place.key == key
        )

    def counted(self, token: str, now: datetime) -> "Places":
        """The places that count beside a new one of this token, which replaces one whose submission failed."""
        return self.changed(
            lambda place: place if place.counts(now) and (place.token != token or place.databricks_run_id) else None
        )


@dataclass(frozen=True)
class Quota:
    """At most ``limit`` trainings of those that it counts; ``setting`` is where an operator changes the limit."""

    limit: int
    setting: str
    counts: Callable[[Place], bool]
    subject: str
    window: timedelta | None = None
    """None for trainings at once."""

    def check(self, places: Places, now: datetime) -> None:
        """Raises TooManyTrainings."""
        counted = [place for place in places.places if self.counts(place)]
        used = [place for place in counted if self._uses(place, now)]
        if len(used) < self.limit:
            return
        wait = _window_wait(used, self.limit, self.window, now) if self.window else _place_wait(used, counted, now)
        raise TooManyTrainings(
            f"{self.subject}: {len(used)} of {self.limit} ({self.setting}). "
            f"The next training may start in about {_duration(wait)}.",
            retry_after=wait,
        )

    def _uses(self, place: Place, now: datetime) -> bool:
        return place.active(now) if self.window is None else now - place.claimed_at < self.window


def check_all(quotas: Iterable[Quota], places: Places, now: datetime) -> None:
    """Raises TooManyTrainings of the quota that takes longest to have room again."""
    refusals = []
    for quota in quotas:
        try:
            quota.check(places, now)
        except TooManyTrainings as refusal:
            refusals.append(refusal)
    if refusals:
        raise max(refusals, key=lambda refusal: refusal.retry_after or 0)


def _window_wait(used: list[Place], limit: int, window: timedelta, now: datetime) -> int:
    """Seconds until enough trainings have left the window. A claim by a clock that is ahead leaves it in time too."""
    left = sorted(place.claimed_at for place in used)[len(used) - limit] + window - now
    return max(1, math.ceil(min(left, window).total_seconds()))


def _place_wait(used: list[Place], counted: list[Place], now: datetime) -> int:
    """Seconds until the first of the running trainings should end, by how long those that ended took."""
    took = [(place.ended_at - place.claimed_at).total_seconds() for place in counted if place.ended_at is not None]
    if not took:
        return EXPECTED_S
    usual = median(took)
    left = min((place.claimed_at - now).total_seconds() for place in used) + usual
    return max(SOONEST_S, math.ceil(min(left, usual)))


def _duration(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 6000 else f"{math.ceil(seconds / 3600)} h"
