"""The file that secret keys are kept in: made once, followed while it changes, replaced whole."""

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from persistence.cluster import open_private, rename_durably, try_lock
from persistence.secret_keys import (
    MAKE_ONE,
    GivenKeys,
    SecretKey,
    SecretKeyFault,
    made_up,
    spelt,
)

logger = logging.getLogger(__name__)

SETTING = "ABGRAPH_SECRET_KEY"
NAME = "secret.key"
_LONGEST = 2**16  # bytes: what is longer is another file


class KeyFile:
    """What is in the file at the moment. One that is gone, or holds no keys any more, leaves a
    process with the keys that it had."""

    is_followed = True

    def __init__(self, path: Path, source: str, *, make: bool = False) -> None:
        self.source = source
        self._path = path
        self._make = make
        self._keys: Sequence[SecretKey] = ()
        self._text = ""
        self._seen: tuple[int, ...] = ()
        self._complaint = ""

    @property
    def current(self) -> Sequence[SecretKey]:
        complaint = ""
        try:
            self.settle()
        except SecretKeyFault as fault:
            if not self._keys:
                raise
            complaint = f"{fault}; the keys that were there before are used"
        if complaint not in ("", self._complaint):
            logger.error("%s", complaint)
        self._complaint = complaint
        return self._keys

    def settle(self) -> Path:
        """Reads it, and makes it first where that is ours to do."""
        try:
            self._follow()
        except OSError as fault:
            raise SecretKeyFault(f"{self.source} cannot be read: {fault.strerror}") from None
        return self._path

    @contextmanager
    def taken(self) -> Iterator[None]:
        self.settle()
        folder = self._locked_folder()
        try:
            self.settle()
            yield
        finally:
            os.close(folder)

    def begin(self) -> None:
        if len(self._keys) > 1:
            return
        try:
            self._replace(f"{made_up()},{self._text}")
        except OSError as fault:
            raise SecretKeyFault(
                f"{self.source} cannot be replaced: {fault.strerror}; put a new key and a comma "
                f"in front of the one in it yourself, and do this again; {MAKE_ONE}"
            ) from None

    def finish(self) -> bool:
        try:
            self._replace(self._text.partition(",")[0].strip())
        except OSError:
            return False
        return True

    def _locked_folder(self) -> int:
        try:
            folder = _opened(self._target().parent)
            if try_lock(folder):
                return folder
        except OSError as fault:
            raise SecretKeyFault(f"{self.source} cannot be changed: {fault.strerror}") from None
        os.close(folder)
        raise SecretKeyFault(f"{self.source} is being changed by another: wait for that")

    def _target(self) -> Path:
        return self._path.resolve()  # a link to it stays one

    def _follow(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            if not self._make or self._keys:
                raise
            self._make_first()
            status = self._path.stat()
        if _identity(status) != self._seen:
            self._read()

    def _read(self) -> None:
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(_LONGEST).decode(errors="replace").strip()
        self._keys, self._text = spelt(text, self.source), text
        self._seen = _identity(status)

    def _make_first(self) -> None:
        """Of several that come at once, one makes it."""
        folder = _opened(self._path.parent)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not self._path.exists():
                _write(self._path, made_up(), None)
        finally:
            os.close(folder)

    def _replace(self, text: str) -> None:
        target = self._target()
        _write(target, text, target.stat())
        self._follow()


def configured(text: str | None, file: Path | None, folder: Path | None) -> GivenKeys | KeyFile:
    """By the setting, by its file, or else by a file that is made in the folder."""
    if text and file:
        raise SecretKeyFault(f"{SETTING} and {SETTING}_FILE are both set: leave one of them away")
    if text:
        return GivenKeys(text, SETTING)
    if file:
        given = KeyFile(file, f"{SETTING}_FILE ({file})")
        given.settle()
        return given
    if folder:
        made = folder.resolve() / NAME
        return KeyFile(made, str(made), make=True)
    raise SecretKeyFault(
        f"{SETTING} is not set, and with DATABASE_URL it has to be: {MAKE_ONE}, and every server "
        "of one database needs the same"
    )


def _write(path: Path, text: str, before: os.stat_result | None) -> None:
    """Whole and on the disk, or not at all; who could read it before can still."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    opened = open_private(new, os.O_EXCL)
    with os.fdopen(opened, "wb") as file:
        if before:
            os.fchown(opened, before.st_uid, before.st_gid)
            os.fchmod(opened, before.st_mode & 0o777)
        file.write(f"{text}\n".encode())
        file.flush()
        os.fsync(opened)
    rename_durably(new, path)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
