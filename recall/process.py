"""What the engine asks of the system for its threads and its memory, where the system can do it."""

import contextlib
import ctypes
import gc
import os
import sys
import threading
from typing import Final

_USUAL: Final = gc.get_threshold()
_LOOKED_AT_ONCE: Final = 200  # objects


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


def shorter_pauses() -> None:
    """Have the interpreter look for garbage in few objects at a time, and in none that are here.

    It looks for what nobody can reach any more among the newest 2,000 objects, and now and then
    among all. The former takes 2 ms, which is felt in one recall out of ten; a tenth of them ten
    times as often takes as long, and nobody feels it. Of all, mitmproxy, its addons and ours are
    some hundred thousand, which stay: to pass over them saves 6 % of a call's processor time.
    """
    gc.collect()
    gc.freeze()
    young, middle, old = _USUAL
    gc.set_threshold(_LOOKED_AT_ONCE, middle * young // _LOOKED_AT_ONCE, old)


def longer_pauses() -> None:
    """As it was before."""
    gc.unfreeze()
    gc.set_threshold(*_USUAL)
