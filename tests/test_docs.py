"""The documentation says what is so."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from routing import config as settings
from routing import yaml_source
from routing.config import Config

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def names_of(model: type[BaseModel]) -> set[str]:
    """Every setting's name, however deep."""
    names = set(model.model_fields)
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                names |= names_of(part)
    return names


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_settings_on_their_page_can_be_used() -> None:
    (example,) = blocks(ROOT / "docs" / "configuration.md", "yaml")
    source = yaml_source.parse(example, "config.yaml", {})

    config = settings.understand(source, yaml_source.read(settings.DEFAULTS, {}))

    assert config.users.rules[0].user == "my-tool"
    assert str(config.litellm.url) == "http://127.0.0.1:4000"


def test_the_settings_on_their_page_are_all_there_are() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    shown = set(re.findall(r"^\s*(?:# |- )?(\w+):", page, re.M))

    assert names_of(Config) <= shown


def test_the_defaults_on_their_page_are_the_defaults() -> None:
    (example,) = blocks(ROOT / "docs" / "configuration.md", "yaml")
    shown, defaults = yaml.safe_load(example), Config()

    assert shown["ports"] == defaults.ports.model_dump()
    assert shown["backend"] == defaults.backend
    assert shown["cookies"] == defaults.cookies.model_dump()
    assert shown["idle_timeout"] == defaults.idle_timeout
    assert shown["users"]["default"] == defaults.users.default
    assert shown["litellm"]["wait"] == defaults.litellm.wait
    assert shown["litellm"]["when_down"] == defaults.litellm.when_down
    assert shown["litellm"]["egress"] == defaults.litellm.egress
    assert shown["litellm"]["forward_credentials"] == defaults.litellm.forward_credentials


def test_the_commands_in_the_readme_exist() -> None:
    for command in re.findall(r"\./scripts/(\w+)", (ROOT / "README.md").read_text()):
        assert (ROOT / "scripts" / command).stat().st_mode & 0o111, command
