"""What is there when the proxy begins to serve stays there, so nobody need look at it again.

The interpreter goes through all objects now and then to find those that nobody can reach any more.
With mitmproxy, its addons and ours it would look at some hundred thousand each time in vain: 6 % of
the processor time of a call.
"""

import gc


class KeepStart:
    """The last to be told that the proxy runs."""

    def running(self) -> None:
        gc.collect()
        gc.freeze()

    def done(self) -> None:
        gc.unfreeze()
