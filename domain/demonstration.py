"""Three lifelike experiments, for people who want to see results before they have visitors: a clear
winner, two variants that are the same, and one whose visitors get lost."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.access import Caller
from domain.assigning import AssignRequest
from domain.assignments import Assigned
from domain.authoring import Authoring, Target
from domain.creation import NewExperiment
from domain.errors import NameTaken
from domain.experiments import ExperimentKey
from domain.keeping import Keeper
from domain.metrics import MetricAggregation, MetricDirection, MetricRole, NewMetricDefinition
from domain.reporting import TrackRequest
from domain.tracking import Tracker
from domain.variants import NewVariant

AGE = timedelta(days=14)  # that the experiments have when the story reaches the present
BATCH = 250

_CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens, and how visitors behave: the rates of the two variants, and what share of the
    visitors of the second is lost before anybody hears of them."""

    name: str
    hypothesis: str
    treatment: str
    rates: tuple[float, float]
    lost: float = 0.0


STORIES = (
    Story(
        name="demo: a clear winner",
        hypothesis="A button that says what comes next is pressed more often",
        treatment="clear",
        rates=(0.10, 0.13),
    ),
    Story(
        name="demo: two of a kind",
        hypothesis="None: both variants are the same, and nothing should be found",
        treatment="same",
        rates=(0.08, 0.08),
    ),
    Story(
        name="demo: visitors get lost",
        hypothesis="The new page is faster, but crashes for some before they are counted",
        treatment="crashing",
        rates=(0.09, 0.10),
        lost=0.12,
    ),
)
_METRICS = (
    NewMetricDefinition(
        name="orders",
        event_type="order",
        aggregation=MetricAggregation.BINARY,
        role=MetricRole.PRIMARY,
    ),
    NewMetricDefinition(
        name="revenue", event_type="order", aggregation=MetricAggregation.SUM, cap_high=500.0
    ),
    NewMetricDefinition(
        name="complaints",
        event_type="complaint",
        aggregation=MetricAggregation.BINARY,
        role=MetricRole.GUARDRAIL,
        direction=MetricDirection.DECREASE,
    ),
)


class Clock:
    """Begins in the past; visitors move it on."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Demonstration:
    def __init__(
        self, authoring: Authoring, tracker: Tracker, keeper: Keeper, clock: Clock, caller: Caller
    ) -> None:
        self._authoring = authoring
        self._tracker = tracker
        self._keeper = keeper
        self._clock = clock
        self._caller = caller
        self._chance = random.Random(clock.now.timestamp())  # noqa: S311  nothing secret

    async def begin(self) -> bool:
        """False where the experiments are there already: they get more visitors then."""
        made = [await self._made(story) for story in STORIES]
        return any(made)

    async def visit(self, until: datetime) -> None:
        """Some hundred visitors of each, the last of them at that moment."""
        self._clock.now = until
        for story in STORIES:
            await self._visit(story)
        await self._keeper.keep()

    async def _made(self, story: Story) -> bool:
        new = NewExperiment(
            name=story.name,
            hypothesis=story.hypothesis,
            minimum_sample_size=5_000,
            metrics=_METRICS,
            variants=[
                NewVariant(name=_CONTROL, is_control=True),
                NewVariant(name=story.treatment),
            ],
        )
        try:
            made = await self._authoring.create(self._caller, new)
        except NameTaken:
            return False
        await self._authoring.start(self._caller, Target(key=ExperimentKey(id=made.id)))
        return True

    async def _visit(self, story: Story) -> None:
        key = ExperimentKey(name=story.name)
        visitors = [f"visitor-{self._chance.getrandbits(48):012x}" for _ in range(BATCH)]
        wanted = [AssignRequest(key=key, user_id=visitor) for visitor in visitors]
        arrived = [each for each in wanted if await self._arrives(story, each)]
        outcomes = await self._tracker.assign(self._caller.project, arrived)
        reports = [
            report
            for request, outcome in zip(arrived, outcomes, strict=True)
            if isinstance(outcome, Assigned) and outcome.variant
            for report in self._reports(story, request, outcome.variant.name)
        ]
        await self._tracker.track(self._caller.project, reports)

    async def _arrives(self, story: Story, request: AssignRequest) -> bool:
        if self._chance.random() >= story.lost:
            return True
        explained = await self._tracker.explain(self._caller.project, request.key, request.user_id)
        variant = explained.assigned.variant
        return variant is None or variant.name == _CONTROL

    def _reports(
        self, story: Story, request: AssignRequest, variant: str
    ) -> Sequence[TrackRequest]:
        rate = story.rates[variant != _CONTROL]
        reports = []
        if self._chance.random() < rate:
            value = round(self._chance.lognormvariate(3.5, 0.6), 2)
            reports.append(
                TrackRequest(
                    key=request.key, user_id=request.user_id, event_type="order", value=value
                )
            )
        if self._chance.random() < 0.01:
            reports.append(
                TrackRequest(key=request.key, user_id=request.user_id, event_type="complaint")
            )
        return reports
