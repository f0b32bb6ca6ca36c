from pathlib import Path

import pytest

from routing.port_registry import Project
from routing.projects import Projects, is_nobodys

SHOP = Project("/code/shop", 18801, "2026-01-01T00:00:00+00:00")
API = Project("/code/shop/api", 18802, "2026-01-01T00:00:00+00:00")
OTHER_API = Project("/other/api", 18803, "2026-01-01T00:00:00+00:00")
ALL = Projects((SHOP, API, OTHER_API))


@pytest.mark.parametrize(
    ("port", "project"),
    [(18801, SHOP), (18802, API), (18803, OTHER_API), (18800, None), (0, None)],
)
def test_a_port_names_its_project(port: int, project: Project | None) -> None:
    assert ALL.at_port(port) == project


@pytest.mark.parametrize(
    ("name", "projects"),
    [
        pytest.param("shop", [SHOP], id="one"),
        pytest.param("api", [API, OTHER_API], id="two of the same name"),
        pytest.param("Shop", [], id="another case"),
        pytest.param("work", [], id="a directory above"),
        pytest.param("shop/api", [], id="a part of a path"),
        pytest.param("", [], id="nothing"),
        pytest.param(".", [], id="a dot"),
    ],
)
def test_a_name_finds_the_projects_whose_directory_has_it(
    name: str, projects: list[Project]
) -> None:
    assert ALL.named(name) == projects


@pytest.mark.parametrize(
    ("directory", "project"),
    [
        pytest.param("/code/shop", SHOP, id="the project itself"),
        pytest.param("/code/shop/", SHOP, id="with a slash"),
        pytest.param("/code/shop/src/deep", SHOP, id="a directory in it"),
        pytest.param("/code/shop/api/src", API, id="the innermost"),
        pytest.param("/code/./shop//src", SHOP, id="spelled oddly"),
        pytest.param("/code/shop/../shop/api", API, id="there and back"),
        pytest.param("/code/shop/../secret", None, id="out of it"),
        pytest.param("/code", None, id="the directory above"),
        pytest.param("/code/shopping", None, id="a longer name"),
        pytest.param("/", None, id="the root"),
        pytest.param("work/shop", None, id="a relative path"),
        pytest.param("", None, id="nothing"),
        pytest.param("/code/shop\0", None, id="a NUL"),
        pytest.param("~\0", None, id="a NUL in a name of a user"),
        pytest.param("/code/shop/\ud800", None, id="half a character"),
        pytest.param("/code/shop/" + "a" * 100_000, None, id="a path too long"),
        pytest.param("C:\\work\\shop", None, id="another system's path"),
        pytest.param("file:///code/shop", None, id="a URL"),
    ],
)
def test_a_directory_lies_in_a_project_or_in_none(directory: str, project: Project | None) -> None:
    assert ALL.containing(directory) == project


def test_a_link_into_a_project_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "project" / "src")
    project = Project(str((tmp_path / "project").resolve()), 18801, "")

    assert Projects((project,)).containing(str(tmp_path / "link")) == project


def test_a_link_out_of_a_project_leads_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "secret")
    project = Project(str((tmp_path / "project").resolve()), 18801, "")

    assert Projects((project,)).containing(str(tmp_path / "project" / "link")) is None


def test_without_projects_nothing_is_found() -> None:
    assert Projects().at_port(18801) is None
    assert Projects().named("shop") == []
    assert Projects().containing("/code/shop") is None


def test_the_home_directory_and_what_holds_it_are_nobodys_project() -> None:
    home = Path.home()

    assert all(is_nobodys(wide) for wide in (Path("/"), home, *home.parents))
    assert not is_nobodys(home / "code")
