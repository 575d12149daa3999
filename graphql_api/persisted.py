"""Documents that clients name by a hash instead of sending them: those that they have sent before,
and those that an operator trusts."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from graphql_api.documents import Asked
from graphql_api.faults import FaultCode
from graphql_api.library import Shelf
from graphql_api.settings import WrongSetting

_KEPT = 2_000
_KEPT_TEXT = 8_000_000  # characters in all
_LONGEST_KEPT = 16_384
_PREFIX = "sha256:"


class NotPersisted(Exception):
    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Persisted:
    """Automatic persisted queries; where a manifest is trusted, nothing else is run."""

    def __init__(self, trusted: Mapping[str, str] | None = None) -> None:
        self._trusted = trusted
        self._texts = frozenset((trusted or {}).values())
        self._known: Shelf[str] = Shelf(_KEPT, _KEPT_TEXT)

    def resolved(self, asked: Asked) -> Asked:
        """With its text. Raises NotPersisted."""
        if self._trusted is not None:
            return self._trusted_one(asked, self._trusted)
        if asked.document_id is None:
            return asked
        name = asked.document_id.removeprefix(_PREFIX)
        if not asked.query:
            return replace(asked, query=self._recalled(name))
        if _hash(asked.query) != name:
            raise NotPersisted(FaultCode.BAD_USER_INPUT, "the hash is not that of the document")
        if len(asked.query) <= _LONGEST_KEPT:
            self._known.put(name, asked.query, len(asked.query))
        return asked

    def _trusted_one(self, asked: Asked, trusted: Mapping[str, str]) -> Asked:
        if asked.query:
            if asked.query not in self._texts:
                message = "only documents of the manifest are run here"
                raise NotPersisted(FaultCode.FORBIDDEN, message)
            return asked
        name = (asked.document_id or "").removeprefix(_PREFIX)
        if name not in trusted:
            raise _unknown()
        return replace(asked, query=trusted[name])

    def _recalled(self, hash: str) -> str:
        found = self._known.get(hash)
        if found is None:
            raise _unknown()
        return found


def read_manifest(path: Path) -> Mapping[str, str]:
    """Of Relay: {"id": "document"}; of Apollo: {"operations": [{"id": …, "body": …}]}."""
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise _wrong(path, str(error.strerror)) from None
    except ValueError:
        raise _wrong(path, "it is no JSON") from None
    if isinstance(found, dict) and isinstance(listed := found.get("operations"), list):
        found = {_text(each, "id"): _text(each, "body") for each in listed}
    entries = found.items() if isinstance(found, dict) else [(None, None)]
    if not all(isinstance(part, str) and part for entry in entries for part in entry):
        raise _wrong(path, "it must be an object of documents by their ids")
    manifest: Mapping[str, str] = {**{_hash(text): text for text in found.values()}, **found}
    return manifest


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(entry: object, name: str) -> object:
    return entry.get(name) if isinstance(entry, dict) else None


def _unknown() -> NotPersisted:
    return NotPersisted(FaultCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")


def _wrong(path: Path, reason: str) -> WrongSetting:
    return WrongSetting("ABGRAPH_TRUSTED_DOCUMENTS", f"is {str(path)!r}: {reason}")
