"""Let the interpreter's looks for garbage be short while the proxy serves."""

from recall.process import longer_pauses, shorter_pauses


class ShortenPauses:
    """The last to be told that the proxy runs."""

    def running(self) -> None:
        shorter_pauses()

    def done(self) -> None:
        longer_pauses()
