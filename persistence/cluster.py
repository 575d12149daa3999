"""The files of the embedded PostgreSQL, and the programs that work on them."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from persistence.placement import CLUSTER, Placement
from persistence.programs import PostgresUnusable, execute, launch
from persistence.tuning import settings

MAJOR = "18"
SUPERUSER = "postgres"
ROLE = "abgraph"  # of the server's connections, and the name of its database
ROLES = (ROLE, SUPERUSER)
PORT = 5432  # only a part of the socket's name: nothing listens on TCP
LOG_LIMIT = 8 * 2**20
PLAIN_PATH = re.compile(r"[\w./-]{1,85}", re.ASCII)  # a socket's whole path may have 103 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    placement: Placement
    durable: bool

    @property
    def home(self) -> Path:
        return self.placement.home

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def socket(self) -> Path:
        return socket_folder(self.home) / f".s.PGSQL.{PORT}"

    async def create_if_missing(self) -> None:
        for half in self.home.glob(f"{CLUSTER}.new-*"):
            shutil.rmtree(half, ignore_errors=True)
        if (data_folder(self.home) / "PG_VERSION").exists():
            return
        new = Path(tempfile.mkdtemp(prefix=f"{CLUSTER}.new-", dir=self.home))
        try:
            self._hand_over(new)
            await self._initdb(new)
            rename_durably(new, data_folder(self.home))  # a killed initdb leaves none that counts
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def configure(self) -> None:
        """At each start, and outside the data: root writes nothing where another user could."""
        names = {pwd.getpwuid(os.geteuid()).pw_name, self.placement.account.pw_name}
        _write(self.home / "pg_hba.conf", "local all all peer map=abgraph\n")
        _write(
            self.home / "pg_ident.conf",
            "".join(f'abgraph "{name}" {role}\n' for name in sorted(names) for role in ROLES),
        )
        _write(
            self.home / "postgresql.conf",
            settings(
                home=self.home,
                socket_folder=socket_folder(self.home),
                port=PORT,
                durable=self.durable,
            ),
        )
        self._make_socket_folder()

    async def launch(self) -> bool:
        """Starts a server, unless a process of an earlier one still lives.

        Where none does, the process id in postmaster.pid is stale, even if another process has
        been given it since: PG_GRANDPARENT_PID (pg_ctl's) has PostgreSQL see it so. It still
        refuses by itself where shared memory is in use.
        """
        with self._server_lock() as log:
            if log is None:
                return False
            await launch(
                self.placement.account,
                self.placement.binaries / "postgres",
                *("-D", data_folder(self.home)),
                *("-c", f"config_file={self.home / 'postgresql.conf'}"),
                output=log,
                environment={"PG_GRANDPARENT_PID": self._recorded_pid()},
            )
        return True

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            try:
                client.connect(str(self.socket))
            except BlockingIOError:
                return True
            except OSError:
                return False
            return True

    def lives(self) -> bool:
        with self._server_lock() as log:
            return log is None

    async def stop(self, mode: str, *, seconds: int) -> bool:
        status, _ = await execute(
            self.placement.account,
            self.placement.binaries / "pg_ctl",
            *("stop", "-D", data_folder(self.home), "-m", mode, "-t", str(seconds)),
        )
        return status == 0

    def remove_socket_folder(self) -> None:
        with contextlib.suppress(OSError):
            socket_folder(self.home).rmdir()

    def bound_log(self) -> None:
        log = open_private(self.log, os.O_APPEND)
        try:
            if (size := os.fstat(log).st_size) > LOG_LIMIT:
                end = os.pread(log, LOG_LIMIT // 8, size - LOG_LIMIT // 8)
                os.ftruncate(log, 0)
                os.write(log, end)
        finally:
            os.close(log)

    def last_words(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:])

    async def _initdb(self, folder: Path) -> None:
        status, said = await execute(
            self.placement.account,
            self.placement.binaries / "initdb",
            *("-D", folder, "-U", SUPERUSER, "--auth-local=peer", "--auth-host=reject"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--locale=C", "--data-checksums", *(() if self.durable else ("--no-sync",))),
        )
        if status != 0:
            fault = re.search("(?:error|FATAL|PANIC): +(.+)", said)
            reason = fault[1] if fault else said.strip().rpartition("\n")[2] or f"exit {status}"
            raise PostgresUnusable(f"PostgreSQL could not make its data in {self.home}: {reason}")

    @contextlib.contextmanager
    def _server_lock(self) -> Iterator[int | None]:
        """A lock on the log, which each process of a server holds open to its last moment."""
        log = open_private(self.log, os.O_APPEND)
        try:
            yield log if try_lock(log) else None
        finally:
            os.close(log)

    def _make_socket_folder(self) -> None:
        folder = socket_folder(self.home)
        folder.mkdir(0o700, exist_ok=True)
        self._hand_over(folder)
        status = folder.lstat()
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if not private or status.st_uid != self.placement.account.pw_uid:
            raise PostgresUnusable(
                f"{folder} is for the socket of PostgreSQL, but not a folder of mode 0700 "
                f"of OS user {self.placement.account.pw_name}: remove it"
            )

    def _hand_over(self, folder: Path) -> None:
        account = self.placement.account
        if folder.lstat().st_uid == os.geteuid() != account.pw_uid:
            os.chown(folder, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _recorded_pid(self) -> str:
        record = data_folder(self.home) / "postmaster.pid"
        return record.read_text().partition("\n")[0] if record.exists() else ""


def refuse_other_major(folder: Path) -> None:
    version = folder / "PG_VERSION"
    if version.exists() and (major := version.read_text().strip()) != MAJOR:
        raise PostgresUnusable(
            f"{folder} holds the data of PostgreSQL {major}, and this is PostgreSQL {MAJOR}: "
            "move the data over with pg_dump, or use another ABGRAPH_DATA_DIR"
        )


def data_folder(home: Path) -> Path:
    return home / CLUSTER


def socket_folder(home: Path) -> Path:
    """The same for every start; short, and plain enough to stand in any URL."""
    if PLAIN_PATH.fullmatch(str(home / "run")):
        return home / "run"
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()
    return Path("/tmp", f"abgraph-{digest[:16]}")  # noqa: S108  its owner and mode are checked


def open_private(path: Path, flags: int = 0) -> int:
    """Belongs to the folder's owner, who may start here without root the next time."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(opened, owner.st_uid, owner.st_gid)
    return opened


def try_lock(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with new.open("xb") as file:
        os.fchmod(file.fileno(), 0o644)  # the server's OS user reads it
        file.write(os.fsencode(text))
    new.replace(path)


def rename_durably(old: Path, new: Path) -> None:
    old.rename(new)
    folder = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
