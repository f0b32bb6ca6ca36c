"""Wire formats: recognise a call, splice its body, read what a client declares, shape an error.

Nothing here does I/O and nothing here knows about mitmproxy or a backend.
"""

from dialects.calls import Call, recognise
from dialects.errors import Problem, reshape_error, shape_error
from dialects.look import Seen, look

__all__ = ["Call", "Problem", "Seen", "look", "recognise", "reshape_error", "shape_error"]
