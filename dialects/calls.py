"""Which requests are model calls, and in which dialect."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from dialects.formats import FORMATS

Operation = Literal["generate", "count_tokens", "embeddings", "models"]

_MODEL_LISTS = re.compile(r"(?:/openai|/api)?(?:/v1\w*)?/models(?:/(?P<model>[^:]+))?")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that names a model, or asks which there are."""

    dialect: str
    operation: Operation
    model: str | None = None
    """The model, where the path names it; otherwise the body does."""

    @property
    def has_body(self) -> bool:
        return self.operation != "models"


def recognise(method: str, path: str, family: str) -> Call | None:
    """The call that this request is, or None for telemetry, files and everything else.

    `path` may carry a query. `family` is the provider's native dialect: it decides in which
    dialect a list of models is asked for, since all providers use the same path for that.
    """
    bare = path.partition("?")[0]
    for dialect in FORMATS.values():
        for call_method, pattern, operation in dialect.CALLS:
            if method == call_method and (match := pattern.fullmatch(bare)):
                return Call(dialect.NAME, operation, _model(match))
    if method == "GET" and (match := _MODEL_LISTS.fullmatch(bare)):
        return Call(family, "models", _model(match))
    return None


def _model(match: re.Match[str]) -> str | None:
    quoted = match.groupdict().get("model")
    return unquote(quoted) if quoted else None
