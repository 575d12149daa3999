"""A view shows a domain entity: its fields are the entity's attributes of the same names."""

from base64 import b64decode, b64encode
from typing import Any, ClassVar
from uuid import UUID

import strawberry

from domain.errors import InvalidInput, Path
from domain.paging import Identified
from graphql_api.types import enums  # noqa: F401  # described before a field names one of them

_names: dict[type, str] = {}


class View:
    entity: ClassVar[type[Any]]
    hidden: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "entity" in cls.__dict__:
            _names[cls.entity] = cls.__name__

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, cls.entity)


@strawberry.interface(description="Whatever has an id of its own, by which it can be read again.")
class Node:
    @strawberry.field(description="Opaque, and unique among all things of this server.")
    def id(parent: strawberry.Parent[Identified]) -> strawberry.ID:
        return global_id(_names[type(parent)], parent.id)


def global_id(type_name: str, id: UUID) -> strawberry.ID:
    return strawberry.ID(b64encode(f"{type_name}:{id}".encode()).decode())


def parse_id(text: str, path: Path) -> tuple[str, UUID]:
    try:
        type_name, row = b64decode(text, validate=True).decode().split(":")
        return type_name, UUID(row)
    except ValueError:
        raise InvalidInput("is not an id of this server", path) from None


def id_of(type_name: str, text: str, path: Path) -> UUID:
    found, row = parse_id(text, path)
    if found != type_name:
        raise InvalidInput(f"is of the type {found}, not {type_name}", path)
    return row
