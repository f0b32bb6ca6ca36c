"""The pins that everybody installs."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["proxy", "dev", "litellm"])
def test_requirements_are_plain_pins(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()

    assert "://" not in text
    for line in text.replace("\\\n", "").splitlines():
        assert "==" in line
        assert "--hash=sha256:" in line


def test_whatever_the_proxy_runs_with_the_tests_run_with_too() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return {line.split(" ")[0] for line in text.splitlines() if "==" in line}

    assert pins("proxy.txt") <= pins("dev.txt")
