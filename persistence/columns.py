"""What all tables share: the names of their constraints, and the types beyond SQLAlchemy's own."""

from enum import StrEnum

from sqlalchemy import DateTime, Enum, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TIME = DateTime(timezone=True)


def values(choices: type[StrEnum]) -> list[str]:
    return [choice.value for choice in choices]


def choice(choices: type[StrEnum], name: str) -> Enum:
    """A closed set as text under a CHECK: an ENUM of PostgreSQL could only ever grow."""
    return Enum(
        choices,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=values,
    )
