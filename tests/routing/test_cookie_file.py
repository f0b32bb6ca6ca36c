import logging
import os
import stat
from pathlib import Path

import pytest

from routing.cookie_file import CookieFile
from routing.cookies import KEY_LENGTH, Contents, Cookie, Scope

NOW = 1_800_000_000.0
SECRET = "sesame"
HELD = Contents(
    bytes(KEY_LENGTH),
    ((Scope("/p", "a", "api.openai.com"), (Cookie("__cf_bm", SECRET, "/", True, None),)),),
)


@pytest.fixture
def file(tmp_path: Path) -> CookieFile:
    return CookieFile(tmp_path / "state" / "cookies.json")


def test_what_was_written_is_read_by_the_next(file: CookieFile) -> None:
    file.write(HELD, NOW)

    assert CookieFile(file.path).read(NOW) == HELD


def test_only_its_owner_may_read_it(file: CookieFile) -> None:
    file.write(HELD, NOW)
    file.path.chmod(0o644)
    file.write(HELD, NOW)

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_not_there_is_no_trouble(
    file: CookieFile, caplog: pytest.LogCaptureFixture
) -> None:
    assert file.read(NOW) is None
    assert not file.remove()
    assert caplog.records == []
    assert not file.path.parent.exists()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\x00\xfe", id="no text"),
        pytest.param(b'{"version": 2, "secret": "sesame"}', id="of a later program"),
        pytest.param(b"{}" + b" " * 5_000_000, id="too big"),
    ],
)
def test_a_file_that_cannot_be_used_is_set_aside_and_told_of(
    file: CookieFile, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(data)

    assert file.read(NOW) is None

    assert file.aside.read_bytes() == data
    assert not file.path.exists()
    [told] = caplog.records
    assert told.levelno == logging.WARNING
    assert str(file.aside) in told.getMessage()
    assert SECRET not in told.getMessage()


def test_the_one_set_aside_last_takes_the_place_of_the_one_before(file: CookieFile) -> None:
    file.path.parent.mkdir()
    for data in (b"one", b"two"):
        file.path.write_bytes(data)
        file.read(NOW)

    assert [path.read_bytes() for path in file.path.parent.iterdir()] == [b"two"]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a directory"])
def test_what_is_no_file_is_neither_opened_nor_kept(
    file: CookieFile, make: object, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.parent.mkdir()
    assert callable(make)
    make(file.path)

    assert file.read(NOW) is None
    file.write(HELD, NOW)

    assert file.read(NOW) == HELD
    assert len(caplog.records) == 1


def test_one_that_cannot_be_set_aside_is_told_of_and_stays(
    file: CookieFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"odd")
    (file.aside / "occupied").mkdir(parents=True)

    assert file.read(NOW) is None

    assert file.path.read_bytes() == b"odd"
    assert "it stays" in caplog.text


def test_nothing_stays_on_disk_of_what_is_removed(file: CookieFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"odd")
    file.read(NOW)
    file.write(HELD, NOW)
    (file.path.parent / f".{file.path.name}.cut-short.tmp").write_bytes(b"half a file")
    other = file.path.parent / "ports.json"
    other.touch()

    assert file.remove()

    assert list(file.path.parent.iterdir()) == [other]


def test_a_write_that_was_cut_short_is_cleared_away_by_the_next_start(file: CookieFile) -> None:
    file.write(HELD, NOW)
    (file.path.parent / f".{file.path.name}.cut-short.tmp").write_bytes(b"half a file")

    assert file.read(NOW) == HELD

    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_write_that_fails_says_so_and_keeps_what_there_was(file: CookieFile) -> None:
    (file.path / "occupied").mkdir(parents=True)

    with pytest.raises(OSError, match=r"cookies\.json"):
        file.write(HELD, NOW)

    assert list(file.path.parent.iterdir()) == [file.path]
