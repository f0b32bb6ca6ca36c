"""The headers that leave us: the client's own, less what is not for the receiver."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from routing import headers
from routing.decide import Route

# LiteLLM books a call's cost to the end user that this header names.
LITELLM_END_USER: Final = "x-litellm-end-user-id"
LITELLM_KEY: Final = "x-litellm-api-key"
LITELLM_CUSTOMER: Final = "x-litellm-customer-id"
_LITELLMS: Final = (LITELLM_END_USER, LITELLM_CUSTOMER, LITELLM_KEY)
"""A client may not book its calls to somebody else."""
_NOT_FOR_LITELLM: Final = ("accept-encoding", "cookie", "proxy-authorization")

Pairs = tuple[tuple[str, str], ...]


def to_provider(pairs: Iterable[tuple[str, str]]) -> Pairs:
    return tuple(pair for pair in pairs if not headers.is_ours(pair[0]))


def to_litellm(
    pairs: Iterable[tuple[str, str]],
    route: Route,
    call: str,
    key: str | None,
    forward_credentials: bool,
) -> Pairs:
    # Errors within streams are told anew (dialects.error_events), so they must not come compressed.
    kept = tuple(
        pair
        for pair in pairs
        if not headers.is_ours(pair[0])
        and (forward_credentials or not headers.is_credential(pair[0]))
        and pair[0].lower() not in _NOT_FOR_LITELLM
        and pair[0].lower() not in _LITELLMS
    )
    return (*kept, (headers.CALL, call), *_labels(route), *_key(key, forward_credentials))


def _labels(route: Route) -> Pairs:
    labels = ((headers.USER, route.user.id), (LITELLM_END_USER, route.user.id))
    if route.project is None:
        return labels
    return (
        *labels,
        (headers.PROJECT, headers.quoted(PurePath(route.project).name)),
    )


def _key(key: str | None, forward_credentials: bool) -> Pairs:
    """LiteLLM's own key; beside a forwarded credential it has a header of its own."""
    if key is None:
        return ()
    return ((LITELLM_KEY, key),) if forward_credentials else (("Authorization", f"Bearer {key}"),)
