"""Counts trainings exactly, however many processes start them, and refuses those above a quota."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from functions import telemetry
from functions.bus_time import bus_time
from functions.catalog import ModelType
from functions.contracts import RunModel
from functions.errors import OnDemandError, TooManyTrainings, Unavailable
from functions.settings import TrainSettings
from functions.shared_calls import SharedCalls
from functions.train.jobs import RunStatus
from functions.train.ledger import Ledger
from functions.train.places import DAY, HOUR, QUEUEING, SUBMISSION, EndedRun, Place, Places, Quota, check_all

logger = logging.getLogger(__name__)

STATUS_KEPT_S = 10
"""Refused claims ask for the status of each active run this often at most."""
ATTEMPTS = 100
"""Other processes may write first so often before the claim is put off."""


class Quotas:
    """Every method raises Unavailable when the store cannot be reached."""

    def __init__(
        self,
        ledger: Ledger,
        settings: TrainSettings,
        status: Callable[[int], Awaitable[RunStatus]],
        clock: Callable[[], datetime] = bus_time.latest,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._status = status
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._last = (0, Places())
        self._statuses: SharedCalls[int, RunStatus] = SharedCalls(STATUS_KEPT_S)
        self._ends: SharedCalls[int, None] = SharedCalls(keep_s=3600)

    async def claim(self, command: RunModel, entry: ModelType, token: str, former: EndedRun | None = None) -> None:
        """A place for the submission of this token, unless the command needs none: it has one, or joins a run.

        ``former`` is the run that the command steps over. Raises TooManyTrainings.
        """
        try:
            await self._claim(command, entry, token, former)
        except TooManyTrainings:
            if not await self._ended_unseen():
                raise
            await self._claim(command, entry, token, former)

    async def submitted(self, token: str, databricks_run_id: int, entry: ModelType) -> None:
        """Record the run of a place."""
        until = self._clock() + timedelta(seconds=entry.training_timeout_s) + QUEUEING
        recorded = {"databricks_run_id": databricks_run_id, "until": until}

        def change(place: Place) -> Place:
            is_it = place.token == token and place.databricks_run_id is None
            return place.model_copy(update=recorded) if is_it else place

        await self._change(lambda places: places.changed(change))

    async def refused(self, token: str) -> None:
        """Databricks refused the submission: its place does not count at all."""

        def change(place: Place) -> Place | None:
            return None if place.token == token and place.databricks_run_id is None else place

        await self._change(lambda places: places.changed(change))

    async def ended(self, run: EndedRun) -> None:
        """Give the place of a run back. Every command that waited for the run may call this."""
        await self._ends.get(run.databricks_run_id, lambda: self._end(run))

    async def _end(self, run: EndedRun) -> None:
        ended: list[Place] = []

        def change(places: Places) -> Places:
            ended[:] = places.ended_by(run)
            return places.changed(run.applied_to)

        if await self._change(change):
            _tell(run, ended)

    async def _claim(self, command: RunModel, entry: ModelType, token: str, former: EndedRun | None) -> None:
        quotas = self._quotas(command, entry)
        ended: list[Place] = []

        def claimed(places: Places) -> Places:
            now = self._clock()
            if former is not None:
                ended[:] = places.ended_by(former)
                places = places.changed(former.applied_to)
            if places.has_one_for(command.key, token, command.created_at, now):
                return places
            places = places.counted(token, now)
            check_all(quotas, places, now)
            place = Place(
                key=command.key,
                token=token,
                model_type=command.model_type,
                caller=command.caller,
                claimed_at=now,
                until=now + SUBMISSION,
            )
            return Places(places=(*places.places, place))

        if await self._change(claimed) and former is not None:
            _tell(former, ended)

    def _quotas(self, command: RunModel, entry: ModelType) -> tuple[Quota, ...]:
        name, limits, settings = command.model_type, entry.trainings, self._settings
        where = f"models.{name}.trainings"

        def of_caller(place: Place) -> bool:
            return place.model_type == name and place.caller == command.caller

        def of_type(place: Place) -> bool:
            return place.model_type == name

        def every(place: Place) -> bool:
            return True

        yours = f"Your trainings of {name} in the last"
        return (
            Quota(limits.per_hour, f"{where}.per_hour", of_caller, f"{yours} hour", HOUR),
            Quota(limits.per_day, f"{where}.per_day", of_caller, f"{yours} 24 hours", DAY),
            Quota(limits.at_once, f"{where}.at_once", of_type, f"Trainings of {name} at once"),
            Quota(settings.max_trainings_at_once, "MAX_TRAININGS_AT_ONCE", every, "Trainings at once"),
            Quota(
                settings.max_trainings_per_day, "MAX_TRAININGS_PER_DAY", every, "Trainings in the last 24 hours", DAY
            ),
        )

    async def _ended_unseen(self) -> bool:
        """Whether places were given back whose runs have ended: the processes that waited for them may be gone."""
        _, places = await self._read()
        active = places.active(self._clock())
        ends = [run for run in await asyncio.gather(*map(self._end_of, active)) if run is not None]
        for run in ends:
            await self.ended(run)
        return bool(ends)

    async def _end_of(self, place: Place) -> EndedRun | None:
        run_id = place.databricks_run_id
        if run_id is None:
            return None
        try:
            run = await self._statuses.get(run_id, lambda: self._status(run_id))
        except OnDemandError:
            return None  # the place ends by its time
        return ended_run(place.key, run)

    async def _read(self) -> tuple[int, Places]:
        version, document = await self._ledger.read()
        if version != self._last[0]:
            self._last = (version, _parse(document))
        return self._last

    async def _change(self, change: Callable[[Places], Places]) -> bool:
        """Write what ``change`` makes of the newest places; False where it changes nothing.

        It is called again whenever another process wrote first.
        """
        async with self._one_at_a_time:
            for _ in range(ATTEMPTS):
                version, places = await self._read()
                changed = change(places)
                if changed is places:
                    return False
                if await self._ledger.write(version, changed.model_dump_json().encode()):
                    self._last = (version + 1, changed)
                    return True
        raise _gave_up()


def ended_run(key: str, run: RunStatus) -> EndedRun | None:
    """The end of a run of this key; None while it is running."""
    if run.ended_at is None:
        return None
    seconds = (run.ended_at - (run.started_at or run.ended_at)).total_seconds()
    return EndedRun(key, run.databricks_run_id, run.ended_at, "" if run.succeeded else run.code, seconds)


def _tell(run: EndedRun, ended: list[Place]) -> None:
    """The end of a run, written for the first time: that of its place."""
    if ended:
        telemetry.active.training_ended(ended[0].model_type, run.failure, run.seconds)


def _gave_up() -> Unavailable:
    logger.warning("the places of trainings changed %d times while one was to be written", ATTEMPTS)
    return Unavailable("Too many trainings start at this moment.")


def _parse(document: bytes) -> Places:
    return Places.model_validate_json(document) if document else Places()
