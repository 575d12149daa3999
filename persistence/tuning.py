"""postgresql.conf for this machine."""

import os
from pathlib import Path

MEBIBYTE = 2**20
CGROUPS = Path("/sys/fs/cgroup")

SETTINGS = """\
hba_file = {hba_file}
ident_file = {ident_file}
unix_socket_directories = {socket_folder}
unix_socket_permissions = 0700
listen_addresses = ''
port = {port}
max_connections = 200
cluster_name = 'abgraph'

shared_buffers = {shared_buffers}MB
effective_cache_size = {effective_cache_size}MB
work_mem = {work_mem}MB
maintenance_work_mem = {maintenance_work_mem}MB
max_wal_size = 2GB
random_page_cost = 1.1
jit = off

fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}

timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
log_error_verbosity = terse  # the detail of an error holds values
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def settings(*, home: Path, socket_folder: Path, port: int, durable: bool) -> str:
    memory = _machine_memory() // MEBIBYTE
    return SETTINGS.format(
        hba_file=_quoted(home / "pg_hba.conf"),
        ident_file=_quoted(home / "pg_ident.conf"),
        socket_folder=_quoted(socket_folder),
        port=port,
        durable="on" if durable else "off",
        shared_buffers=min(max(memory // 8, 32), 4096 if durable else 128),
        effective_cache_size=max(memory // 2, 64),
        work_mem=min(max(memory // 800, 4), 32),  # each of 200 sessions may take it
        maintenance_work_mem=min(max(memory // 16, 32), 512),
    )


def _machine_memory() -> int:
    """In bytes: what the machine has, or less where a container is granted less."""
    granted = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _memory_limits():
        text = limit.read_text().strip() if limit.is_file() else ""
        if text.isdecimal():
            granted = min(granted, int(text))
    return granted


def _memory_limits() -> list[Path]:
    limits = [CGROUPS / "memory.max", CGROUPS / "memory" / "memory.limit_in_bytes"]
    membership = Path("/proc/self/cgroup")
    for line in membership.read_text().splitlines() if membership.is_file() else ():
        _, controllers, group = line.split(":", 2)
        if controllers == "memory":
            limits.append(CGROUPS / "memory" / group.lstrip("/") / "memory.limit_in_bytes")
        elif not controllers:
            limits.append(CGROUPS / group.lstrip("/") / "memory.max")
    return limits


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{text}'"
