"""What a start costs, and what it leaves alone."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.mitmdump import ROOT, clean_environment

LOADED = """
import json, sys
import addons.memory
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_default_start_imports_neither_litellm_nor_what_runs_it(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = json.loads(said.stdout)

    assert "mitmproxy" in loaded
    assert not {"litellm", "gateway", "httpx"} & set(loaded)
