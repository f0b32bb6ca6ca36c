"""Wire formats: recognise a call, read its conversation, splice its body, shape an error.

Nothing here does I/O and nothing here knows about mitmproxy or a backend.
"""

from dialects.calls import Call, recognise
from dialects.conversation import Conversation, read
from dialects.errors import Problem, Retold, reshape_error, shape_error
from dialects.purpose import Purpose
from dialects.slices import Unreadable

__all__ = [
    "Call",
    "Conversation",
    "Problem",
    "Purpose",
    "Retold",
    "Unreadable",
    "read",
    "recognise",
    "reshape_error",
    "shape_error",
]
