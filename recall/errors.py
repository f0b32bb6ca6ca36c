"""What the memory engine raises on purpose. Each class says who acts next."""

from routing.errors import ProxyError


class MemoryUnavailable(ProxyError):
    """Ours to fix, or the disk's: log it, go on without memory."""


class StoreDamaged(MemoryUnavailable):
    """The file is no store or cannot be read; it was set aside, a new one begins."""


class StoreTooNew(MemoryUnavailable):
    """The user updates this program; the file of a later version stays untouched."""
