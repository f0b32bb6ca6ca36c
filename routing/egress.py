"""How the calls of our own LiteLLM leave: through a listener that only it may use."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Egress:
    """What a child is told: the proxy to use, with its user and token, and whom to trust."""

    url: str = field(repr=False)
    authorities: Path
