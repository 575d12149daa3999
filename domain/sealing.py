"""What is stored so that nobody who can write to the database can have it believed."""

from enum import StrEnum
from typing import Protocol
from uuid import UUID


class SealFault(StrEnum):
    UNKNOWN_KEY = "unknown_key"
    TAMPERED = "tampered"


class Unsealable(Exception):
    def __init__(self, fault: SealFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Box(Protocol):
    def seal(self, plain: bytes, owner: UUID) -> bytes:
        """For nobody but this owner."""
        ...

    def open(self, sealed: bytes, owner: UUID) -> bytes:
        """Raises Unsealable."""
        ...
