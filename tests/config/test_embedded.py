"""The embedded PostgreSQL and where it lives."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import places, postgres, valkey


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose sockets' path is too long, in a folder that only its owner may enter."""
    folder = tmp_path.resolve() / ("long-" * 12) / ("name-" * 8)
    folder.mkdir(parents=True)
    tmp_path.chmod(0o700)
    yield folder
    postgres.stop(folder)
    place = places.postgres_place(folder)
    if place.moved:
        shutil.rmtree(place.data.parent)


def one(var: Path) -> object:
    with psycopg.connect(**postgres.dsn(places.postgres_place(var))) as connection:
        row = connection.execute("SELECT current_setting('server_encoding')").fetchone()
    return row and row[0]


def test_it_starts_is_adopted_survives_a_kill_and_stops(var: Path) -> None:
    first, adopted = postgres.start(var, durable=False)
    assert not adopted
    assert one(var) == "UTF8"
    assert postgres.start(var, durable=False) == (first, True)

    os.kill(first, signal.SIGKILL)
    second, adopted = postgres.start(var, durable=False)
    assert (second != first, adopted) == (True, False)
    assert one(var) == "UTF8"

    assert postgres.stop(var)
    assert not postgres.stop(var)


def test_a_stop_that_takes_long_can_be_hurried(var: Path) -> None:
    """Its last checkpoint may be long: here it is never written."""
    pid, _ = postgres.start(var, durable=False)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    checkpointer = next(int(one) for one in children if "checkpointer" in Path(f"/proc/{one}/cmdline").read_text())
    os.kill(checkpointer, signal.SIGSTOP)
    began = time.monotonic()

    assert postgres.stop(var, immediately=lambda: time.monotonic() - began > 1)

    assert postgres.server_pid(places.postgres_place(var)) is None
    assert time.monotonic() - began < 15


def test_a_lock_file_that_names_another_program_is_no_server(var: Path) -> None:
    pid, _ = postgres.start(var, durable=False)
    postgres.stop(var)
    place = places.postgres_place(var)
    # As after a crash, when the dead server's number has gone to another process.
    (place.data / "postmaster.pid").write_text(f"{os.getpid()}\n{place.data}\n")
    assert postgres.server_pid(place) is None
    assert postgres.start(var, durable=False)[0] != pid


def test_a_half_made_data_folder_is_made_again(var: Path) -> None:
    place = places.postgres_place(var)
    draft = place.data.with_name("postgres.new")
    draft.mkdir(parents=True)
    (draft / "half").touch()
    if places.runs_as_other_user():
        shutil.chown(draft, "nobody")
    postgres.start(var, durable=False)
    assert (place.data / "PG_VERSION").exists()


def test_a_socket_s_path_always_fits(tmp_path: Path) -> None:
    for length in range(1, 200, 7):
        var = Path("/srv") / ("x" * length)
        assert len(os.fsencode(places.valkey_socket(var))) <= places.LONGEST_SOCKET
        sockets = places.short_enough(var / "run" / "postgres", places.POSTGRES_SOCKET)
        assert len(os.fsencode(sockets / places.POSTGRES_SOCKET)) <= places.LONGEST_SOCKET


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(places.ForeignFolder, match="belongs to another user"):
        places.private_folder(tmp_path, owner=os.geteuid() + 1)


def test_the_broker_keeps_its_wake_ups_on_disk(tmp_path: Path) -> None:
    command = valkey.command(tmp_path)
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--port") + 1] == "0"
