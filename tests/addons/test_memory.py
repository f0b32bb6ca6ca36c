import inspect

import pytest

from addons import memory


@pytest.mark.parametrize("addon", memory.addons, ids=lambda addon: type(addon).__name__)
def test_nobody_waits_in_a_hook_that_must_not_be_waited_for(addon: object) -> None:
    """mitmproxy breaks silently over a `running` or `done` that is a coroutine."""
    for name in ("load", "configure", "running", "done", "client_connected", "tls_clienthello"):
        assert not inspect.iscoroutinefunction(getattr(addon, name, None)), name
