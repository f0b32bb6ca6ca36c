"""What the memory engine raises on purpose. Each class says who acts next."""

from routing.errors import ProxyError


class MemoryUnavailable(ProxyError):
    """Ours to fix, or the disk's: log it, go on without memory."""


class StillReading(MemoryUnavailable):
    """The index is being read from the file; ask again in a moment."""


class StoreDamaged(MemoryUnavailable):
    """The file is no store or cannot be read; it was set aside, a new one begins."""


class StoreTooNew(MemoryUnavailable):
    """The user updates this program; the file of a later version stays untouched."""


def told(error: Exception) -> str:
    """What a log may say of an error: our own words, of anybody else's only the class.

    In theirs may be what somebody said, or a secret; ours name files and reasons.
    """
    return str(error) if isinstance(error, MemoryUnavailable) else type(error).__name__
