"""What a subscriber is told is passed on, and its end is told once."""

from typing import Any

from graphql_api.attendance import Attendance
from graphql_api.payloads import Payload

FAULT = [{"message": "no"}]
VALUE = Payload(b"1")


class Told:
    def __init__(self) -> None:
        self.words: list[Any] = []

    def next(self, payload: Payload, tail: bytes = b"") -> None:
        self.words.append(payload)

    def error(self, errors: list[dict[str, Any]]) -> None:
        self.words.append(errors)

    def complete(self) -> None:
        self.words.append("complete")


def test_who_completes_and_is_left_has_ended_once() -> None:
    told, ended = Told(), list[Attendance]()
    attendance = Attendance(told, ended.append)

    attendance.next(VALUE)
    attendance.complete()
    attendance.leave()

    assert told.words == [VALUE, "complete"]
    assert ended == [attendance]
    assert (attendance.values, attendance.errors) == (1, [])


def test_what_was_refused_is_known_at_the_end() -> None:
    told, ended = Told(), list[Attendance]()
    attendance = Attendance(told, ended.append)

    attendance.error(FAULT)
    attendance.leave()

    assert told.words == [FAULT]
    assert ended == [attendance]
    assert attendance.errors == FAULT
