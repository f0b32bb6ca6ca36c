"""What the engine asks of the system for its threads and its memory, where the system can do it."""

import contextlib
import ctypes
import os
import sys
import threading


def be_background() -> None:
    """Let everything else run before the calling thread.

    Only for a thread that works without the interpreter's lock most of the time: one that was
    put off while it holds it would put off all others.
    """
    if sys.platform == "linux":  # elsewhere this would be the whole process
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def give_memory_back() -> None:
    """Return to the system what was freed: after reading an index of 10,000, some 25 MB."""
    if sys.platform == "linux":
        # Not every Linux has glibc.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
