"""A scripted provider: a real server on loopback that speaks every dialect.

with Provider() as provider:
    provider.script(Step(status=429, headers=(("retry-after", "1"),)))
    ...
    assert provider.requests[0].header("authorization") == "Bearer sk-mine"
"""

from tests.fakes.authority import Authority
from tests.fakes.ledger import Frame, Hangup, Seen
from tests.fakes.provider import Provider
from tests.fakes.step import Step

__all__ = ["Authority", "Frame", "Hangup", "Provider", "Seen", "Step"]
