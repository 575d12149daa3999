"""What callers were told, written down by them, and held against what is stored in the end."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.tracking.load import Call, Line, Unanswered
from tests.tracking.recounting import Stored, miscounted

LIMIT = 5.0  # seconds
PAUSE = 0.1  # seconds before a caller who was not answered asks again
PATIENCE = 60.0  # seconds without a word from a server that is to come back


class Journal:
    def __init__(self) -> None:
        self.variants: defaultdict[str, set[str]] = defaultdict(set)
        self.welcomed: Counter[str] = Counter()  # by user: as NEW
        self.converted: Counter[str] = Counter()  # by user: as recorded
        self.tracked: Counter[tuple[str, str]] = Counter()  # by user and event: as recorded
        self.values: dict[tuple[str, str], float] = {}
        self.acknowledged = 0
        self.unanswered = 0
        self.unavailable = 0
        self.slowest = 0.0
        self._progress = asyncio.Event()

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} calls acknowledged, {self.unanswered} broken off, "
            f"{self.unavailable} refused; users {len(self.variants)}, events {len(self.values)}, "
            f"conversions {len(self.converted)}; the slowest took {self.slowest:.1f} s"
        )

    def note(self, call: Call, answers: Sequence[Mapping[str, Any]]) -> None:
        for item, told in zip(call.items, answers, strict=True):
            assert told["errors"] == [], (item, told)
            user = item["userId"]
            match call.kind:
                case "assign":
                    self.variants[user].add(told["variant"]["name"])
                    self.welcomed[user] += told["reason"] == "NEW"
                case "convert":
                    self.converted[user] += told["recorded"]
                case "track":
                    self.values[user, item["eventId"]] = item["value"]
                    self.tracked[user, item["eventId"]] += told["recorded"]
        self.acknowledged += 1
        self._progress.set()

    async def hears(self, more: int) -> None:
        """That many more answers."""
        enough = self.acknowledged + more
        while self.acknowledged < enough:
            self._progress.clear()
            async with asyncio.timeout(PATIENCE):
                await self._progress.wait()


async def insist(journal: Journal, line: Line, call: Call) -> bool:
    """Until it is answered, by whatever server is there by then."""
    while True:
        try:
            answer = await line.ask(call.body)
        except Unanswered:
            journal.unanswered += 1
        else:
            journal.slowest = max(journal.slowest, answer.seconds)
            if answer.status == 200:
                journal.note(call, answer.told)
                return True
            assert answer.status == 503, answer
            assert answer.codes[0] in ("UNAVAILABLE", "TIMEOUT"), answer
            journal.unavailable += 1
        await asyncio.sleep(PAUSE)


def faults(journal: Journal, held: Stored) -> list[str]:
    """Empty where nothing was lost, nothing counted twice, and nobody changed sides."""
    return [*losses(journal, held), *_kept_besides(journal, held)]


def losses(journal: Journal, held: Stored) -> list[str]:
    """The same where some were not told what became of their calls."""
    found = [*_lost(journal, held), *_doubled(journal), *_flips(journal, held)]
    return found + [f"sums: {sentence}" for sentence in miscounted(held)]


def _lost(journal: Journal, held: Stored) -> Iterator[str]:
    events = {(event["user_id"], event["event_id"]): event["event_value"] for event in held.events}
    for user in journal.variants.keys() - held.users.keys():
        yield f"lost: {user} was assigned"
    for user in journal.converted:
        if not held.users[user]["has_converted"]:
            yield f"lost: {user} converted"
    for event, value in journal.values.items():
        if events.get(event) != value:
            yield f"lost: {event} was tracked with {value}, {events.get(event)} is kept"


def _doubled(journal: Journal) -> Iterator[str]:
    events = {" ".join(event): times for event, times in journal.tracked.items()}
    for told in (journal.welcomed, journal.converted, events):
        yield from (f"doubled: {one} was new {n} times" for one, n in told.items() if n > 1)


def _kept_besides(journal: Journal, held: Stored) -> Iterator[str]:
    """Everybody has insisted until they were told: nothing else is there."""
    figures = {
        "users": (held.impressions, len(journal.variants)),
        "conversions": (held.conversions, len(journal.converted)),
        "events": (len(held.events), len(journal.values) + len(journal.converted)),
    }
    for what, (kept, wanted) in figures.items():
        if kept != wanted:
            yield f"doubled: {kept} {what} are kept, {wanted} were told"


def _flips(journal: Journal, held: Stored) -> Iterator[str]:
    for user, names in journal.variants.items():
        kept = held.users[user]["variant_name"] if user in held.users else None
        if names != {kept}:
            yield f"flip: {user} was told {names}, {kept} is kept"
