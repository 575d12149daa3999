"""Many subscribers in a process of their own, which shares the cores with the server that it
measures: a frame is searched for one number and thrown away.
"""

import asyncio
import gc
import json
import re
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import sysconf
from pathlib import Path
from time import monotonic, process_time

import uvloop

from benchmarks._websocket import Socket

ROOT = Path(__file__).parents[1]
DASHBOARD = """subscription ($name: String!) {
  experimentStats(experiment: {name: $name}, intervalMs: 1000) {
    asOf revision totalAssignments totalConversions conversionRate
    sampleRatio { state pValue }
    metrics {
      metric { name }
      variants { variant { name } users mean interval { lower upper } }
      comparisons {
        chanceToBeatControl
        relative { estimate anytime { interval { lower upper } significant } }
      }
    }
    decision { kind }
  }
}"""

_TOTAL = re.compile(rb'"totalAssignments": ?"?(\d+)')
_AWAY = b"the database cannot be reached"
_AT_ONCE = 250  # that come before the next do
_PATIENCE = 300.0  # seconds until all have their first value
_SETTLING = 6.0  # seconds in which newcomers fall into step


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """`process` is the server's."""

    url: str
    key: str
    name: str
    process: int
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """In the seconds between `began` and `ended`. `work` is the server's processor time, `own` that
    of the subscribers. `received` is when frames came, by the total of the frame before."""

    began: float
    ended: float
    work: float
    own: float
    memory: int
    size: float
    received: Mapping[int, Sequence[float]]

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def pushes(self) -> int:
        return sum(map(len, self.received.values()))


async def seen(watch: Watch) -> Seen:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks._peers"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    said, _ = await process.communicate(json.dumps(asdict(watch)).encode())
    if process.returncode:
        raise SystemExit("the subscribers failed")
    found = json.loads(said)
    received = {int(total): moments for total, moments in found.pop("received").items()}
    return Seen(**found, received=received)


def processor_time(process: int) -> float:
    """Seconds; what neighbours do hardly changes it."""
    record = Path("/proc", str(process), "stat").read_text()
    user, system = record.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / sysconf("SC_CLK_TCK")


def memory(process: int) -> int:
    """Bytes that are resident."""
    pages = Path("/proc", str(process), "statm").read_text().split()[1]
    return int(pages) * sysconf("SC_PAGE_SIZE")


def admit_many() -> None:
    """Each connection takes a file descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Window:
    """What the subscribers share."""

    def __init__(self) -> None:
        self.waiting = 0
        self.received: dict[int, list[float]] = defaultdict(list)
        self.bytes = 0
        self._is_counted = False

    def begin(self) -> None:
        self._is_counted = True

    def note(self, before: int, size: int) -> None:
        if self._is_counted:
            self.received[before].append(round(monotonic(), 4))
            self.bytes += size


class _Subscriber(Socket):
    def __init__(self, watch: Watch, window: _Window) -> None:
        super().__init__(watch.url, watch.key)
        self._name = watch.name
        self._window = window
        self._total = -1

    def subscribe(self) -> None:
        payload = {"query": DASHBOARD, "variables": {"name": self._name}}
        self.say({"type": "subscribe", "id": "dashboard", "payload": payload})

    def heard(self, text: bytes) -> None:
        found = _TOTAL.search(text)
        if found is not None:
            if self._total < 0:
                self._window.waiting -= 1
            else:
                self._window.note(self._total, len(text))
            self._total = int(found[1])
        elif self._total < 0 and _AWAY in text:  # a server with too much to do: later, then
            asyncio.get_running_loop().call_later(1.0, self.subscribe)
        else:
            self.fault = f"a message that was not expected: {text[:600]!r}"


async def _watched(watch: Watch) -> Seen:
    window = _Window()
    every = [_Subscriber(watch, window) for _ in range(watch.connections)]
    async with asyncio.timeout(_PATIENCE):
        groups = [every[n : n + _AT_ONCE] for n in range(0, len(every), _AT_ONCE)]
        for some in groups:
            await asyncio.gather(*(each.connect() for each in some))
        for some in groups:
            for each in some:
                each.subscribe()
            await _first_values(window, some)
    await asyncio.sleep(_SETTLING)
    found = await _measured(watch, window)
    _require_all(every)
    for each in every:
        each.transport.abort()
    return found


async def _first_values(window: _Window, some: Sequence[Socket]) -> None:
    window.waiting += len(some)
    while window.waiting:
        _require_all(some)
        await asyncio.sleep(0.02)


def _require_all(every: Sequence[Socket]) -> None:
    for each in every:
        if each.fault:
            raise SystemExit(each.fault)


async def _measured(watch: Watch, window: _Window) -> Seen:
    began, own, work = monotonic(), process_time(), processor_time(watch.process)
    window.begin()
    await asyncio.sleep(watch.seconds)
    return Seen(
        ended=monotonic(),
        work=processor_time(watch.process) - work,
        own=process_time() - own,
        began=began,
        memory=memory(watch.process),
        size=window.bytes / max(1, sum(map(len, window.received.values()))),
        received=dict(window.received),
    )


def main() -> None:
    watch = Watch(**json.load(sys.stdin))
    admit_many()
    gc.disable()
    sys.stdout.write(json.dumps(asdict(uvloop.run(_watched(watch)))))


if __name__ == "__main__":
    main()
