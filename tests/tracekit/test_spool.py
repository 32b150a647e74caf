from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from tracekit import guard, spool
from tracekit.spool import Spool


def lines(folder: Path) -> list[bytes]:
    return [line for file in sorted(folder.iterdir()) for line in file.read_bytes().splitlines()]


def test_a_batch_is_one_line_in_a_private_file_named_after_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "spool"
    writer = Spool(folder, "my svc/x", limit=10**6)
    assert writer.append(b'{"a":1}')
    assert writer.append(b'{"b":2}')
    (file,) = folder.iterdir()
    assert file.read_bytes() == b'{"a":1}\n{"b":2}\n'
    assert file.name.startswith(f"my_svc_x-{os.getpid()}-")
    assert file.name.endswith("-1.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_data_folder_that_is_made_for_the_spool_is_as_private(tmp_path: Path) -> None:
    Spool(tmp_path / "data" / "spool", "s", limit=10**6).append(b"{}")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_data_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    Spool(tmp_path / "data" / "spool", "s", limit=10**6).append(b"{}")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o755


def test_a_lock_shows_that_the_file_is_in_use(tmp_path: Path) -> None:
    writer = Spool(tmp_path, "s", limit=10**6)
    writer.append(b"{}")
    (file,) = tmp_path.iterdir()
    with file.open("rb") as reader:
        with pytest.raises(BlockingIOError):
            fcntl.flock(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)
        writer.close()
        fcntl.flock(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_full_spool_takes_no_more_and_counts(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_bytes(b"x" * 900)
    before = guard.faults().get("spool.full", 0)
    writer = Spool(tmp_path, "s", limit=1000)
    assert writer.append(b"y" * 60)
    assert not writer.append(b"y" * 60)
    assert guard.faults()["spool.full"] == before + 1
    assert lines(tmp_path).count(b"y" * 60) == 1


def test_a_long_file_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "FILE_LIMIT", 100)
    writer = Spool(tmp_path, "s", limit=10**6)
    for _ in range(5):
        assert writer.append(b"z" * 60)
    assert len(list(tmp_path.iterdir())) == 3
    assert len(lines(tmp_path)) == 5


def test_a_burst_is_taken_as_long_as_there_is_space(tmp_path: Path) -> None:
    writer = Spool(tmp_path, "s", limit=20 * 1024 * 1024)
    taken = [writer.append(b"x" * 1024 * 1024) for _ in range(25)]
    assert taken == [True] * 19 + [False] * 6


def test_a_deleted_file_or_folder_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    writer = Spool(folder, "s", limit=10**6)
    writer.append(b"lost")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert writer.append(b"kept")
    assert lines(folder) == [b"kept"]


def test_a_folder_that_cannot_be_written_is_a_counted_drop(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    before = guard.faults().get("spool.write", 0)
    assert not Spool(tmp_path / "file" / "spool", "s", limit=10**6).append(b"{}")
    assert guard.faults()["spool.write"] == before + 1


def test_a_forked_child_writes_a_file_of_its_own(tmp_path: Path) -> None:
    writer = Spool(tmp_path, "s", limit=10**6)
    writer.append(b"parent")
    pid = os.fork()
    if pid == 0:
        writer.after_fork()
        writer.append(b"child")
        os._exit(0)
    os.waitpid(pid, 0)
    writer.append(b"parent again")
    assert sorted(file.read_bytes() for file in tmp_path.iterdir()) == [
        b"child\n",
        b"parent\nparent again\n",
    ]


def test_a_disk_that_takes_only_part_of_a_batch_leaves_no_torn_line(tmp_path: Path) -> None:
    writer = Spool(tmp_path, "s", limit=10**6)
    writer.append(b"whole")
    # A limit on the file's size is a disk that fills up in the middle of a write.
    pid = os.fork()
    if pid == 0:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        writer.append(b"too much for it")
        os._exit(0)
    os.waitpid(pid, 0)
    assert lines(tmp_path) == [b"whole"]
