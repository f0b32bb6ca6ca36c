import stat
from pathlib import Path

import pytest

from routing.paths import (
    Places,
    keep_private,
    places,
    private_directory,
    unfinished,
    write_private,
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def every_place(named: Places) -> list[Path]:
    return [getattr(named, name) for name in Places.__slots__]


def test_everything_lies_below_memproxy_home(tmp_path: Path) -> None:
    named = places({"MEMPROXY_HOME": str(tmp_path)})

    assert named.config_file == tmp_path / "config.yaml"
    assert named.registry_file == tmp_path / "ports.json"
    assert named.cookies_file == tmp_path / "cookies.json"
    assert named.memory_dir == tmp_path / "memory"
    assert all(path.is_relative_to(tmp_path) for path in every_place(named))


def test_without_memproxy_home_each_file_lies_in_a_directory_of_this_program() -> None:
    for path in every_place(places({"MEMPROXY_HOME": ""})):
        assert "litellm-memory-proxy" in path.parts


def test_a_relative_home_is_the_same_from_every_later_working_directory() -> None:
    assert places({"MEMPROXY_HOME": "here"}).lock_file == Path("here/proxy.lock").absolute()


def test_naming_the_places_creates_none_of_them(tmp_path: Path) -> None:
    places({"MEMPROXY_HOME": str(tmp_path / "home")})

    assert not (tmp_path / "home").exists()


def test_a_private_directory_and_its_new_parents_are_for_their_owner_alone(tmp_path: Path) -> None:
    private_directory(tmp_path / "outer" / "inner")

    assert mode_of(tmp_path / "outer") == 0o700
    assert mode_of(tmp_path / "outer" / "inner") == 0o700


def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)

    private_directory(shared)

    assert mode_of(shared) == 0o755


@pytest.mark.parametrize(
    ("before", "after"), [(0o755, 0o700), (0o770, 0o700), (0o700, 0o700), (0o500, 0o500)]
)
def test_a_directory_that_is_kept_private_lets_nobody_else_in(
    tmp_path: Path, before: int, after: int
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    ours.chmod(before)

    keep_private(ours)

    assert mode_of(ours) == after


def test_a_directory_that_is_not_there_is_not_made_by_keeping_it_private(tmp_path: Path) -> None:
    keep_private(tmp_path / "missing")

    assert not (tmp_path / "missing").exists()


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="file"):
        private_directory(tmp_path / "file" / "below")


def test_a_private_file_is_replaced_as_a_whole_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"a longer text that was there before")
    path.chmod(0o644)

    write_private(path, b"new")

    assert path.read_bytes() == b"new"
    assert mode_of(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_left_of_a_write_that_was_cut_short_is_found_by_the_files_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "[a]*.json"
    for name in (".[a]*.json.1.tmp", ".[a]*.json.old", ".a.json.2.tmp", "[a]*.json"):
        (tmp_path / name).touch()

    assert unfinished(path) == [tmp_path / ".[a]*.json.1.tmp"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()

    with pytest.raises(OSError, match="taken"):
        write_private(tmp_path / "taken", b"data")

    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]
