"""What LiteLLM's SDK is asked for a request: the same as its proxy would ask it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import litellm
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.auth.auth_utils import is_request_body_safe
from litellm.proxy.common_request_processing import (
    _model_deployments_support_stream_options,
    _stream_usage_tracking_updates,
    resolve_litellm_call_id,
)
from litellm.proxy.litellm_pre_call_utils import (
    _UNTRUSTED_METADATA_CONTROL_FIELDS,
    _UNTRUSTED_ROOT_CONTROL_FIELDS,
    LiteLLMProxyRequestSetup,
    _normalized_metadata_object,
    _reject_url_valued_destinations,
    _strip_client_callback_credentials,
    _strip_client_pricing_overrides,
    _strip_router_reserved_metadata,
    add_provider_specific_headers_to_request,
    clean_headers,
    metadata_variable_name_for_route,
    redact_credential_headers,
    refresh_proxy_server_request_body_snapshot,
)
from litellm.proxy.route_llm_request import (
    ROUTE_ENDPOINT_MAPPING,
    ProxyMissingRequiredParamError,
    ProxyModelNotFoundError,
    raise_if_mock_testing_params_disallowed,
    raise_if_required_body_param_missing,
)
from starlette.requests import Request

from gateway.inside.sdk.errors import Refusal
from routing.headers import is_ours

Function = Literal[
    "acompletion",
    "anthropic_messages",
    "aresponses",
    "aembedding",
    "agenerate_content",
    "agenerate_content_stream",
]
END_USER: Final = "x-litellm-end-user-id"
KEY: Final = "x-litellm-api-key"
# Whoever holds the one key is nobody in particular: there are no teams, budgets or keys of users.
ANYBODY: Final = UserAPIKeyAuth()
# The only headers of a client that are for a provider, and LiteLLM sends them to Anthropic alone.
FOR_ANTHROPIC: Final = ("anthropic-version", "anthropic-beta")
# LiteLLM's proxy lets these pass, by which a caller has its own key used, or its own headers.
REFUSED: Final = ("user_config", "api_key", "headers", "extra_headers")
# What would replace the router or the session by the caller's own.
OURS_TO_SAY: Final = frozenset(
    {
        *("user_config", "router_settings_override", "shared_session", "client", "http_client"),
        *("litellm_logging_obj", "litellm_call_id", "specific_deployment", "enable_tag_filtering"),
        *("litellm_params", "deployment", "model_list", "provider_specific_header", "headers"),
        *("self", "extra_headers", "include_fallback_errors", "_litellm_strip_stream_usage"),
    }
)


@dataclass(slots=True)
class Call:
    """One call to LiteLLM's router, and what its answer will need of the request."""

    function: Function
    asked_for: str
    """The model's name as the client wrote it; answers carry it."""
    data: dict[str, Any] = field(repr=False)
    strips_usage: bool = False
    """The provider is asked for the count of tokens, and the client did not want to see it."""


def prepare(request: Request, body: dict[str, Any], function: Function, router: Any) -> Call:
    """The call behind a request; an exception says why there is none."""
    model = body.get("model") or ""
    if not isinstance(model, str):
        raise Refusal(400, "invalid_request_error", "'model' must be a string.", "model")
    _refuse_dangers(body, router, model)
    data = {name: value for name, value in body.items() if name not in OURS_TO_SAY}
    for name in _UNTRUSTED_ROOT_CONTROL_FIELDS:
        data.pop(name, None)
    _tell(request, data)
    data["model"] = litellm.model_alias_map.get(model, model)
    data["litellm_call_id"] = resolve_litellm_call_id(request.headers.get("x-litellm-call-id"))
    if function.startswith("agenerate_content") and "config" not in data:
        config = data.pop("generationConfig", None)
        data.update({} if config is None else {"config": config})
    updates = _stream_usage_tracking_updates(
        data=data,
        general_settings={},
        route_type=function,
        supports_stream_options=lambda: _model_deployments_support_stream_options(
            model=data["model"], llm_router=router, team_id=None
        ),
    )
    data.update(updates)
    raise_if_required_body_param_missing(route_type=function, data=data, llm_router=router)
    if not model:
        raise ProxyMissingRequiredParamError(_route(function), "model")
    _find_model(data, function, router)
    return Call(function, model, data, bool(data.get("_litellm_strip_stream_usage")))


async def place(call: Call, router: Any) -> Any:
    """Let LiteLLM's router make it: an answer, or what gives its events."""
    return await getattr(router, call.function)(**call.data)


def _refuse_dangers(body: dict[str, Any], router: Any, model: str) -> None:
    try:
        is_request_body_safe(body, general_settings={}, llm_router=router, model=model)
    except ValueError as danger:
        raise Refusal(400, "invalid_request_error", str(danger)) from danger
    for name in REFUSED:
        if name in body:
            words = f"Rejected Request: {name} is not allowed in request body."
            raise Refusal(400, "invalid_request_error", words, name)
    raise_if_mock_testing_params_disallowed(body, allowed=False)
    _reject_url_valued_destinations(body)


def _find_model(data: dict[str, Any], function: Function, router: Any) -> None:
    """A name that the router knows, or that one of its patterns fits."""
    model = data["model"]
    if router.is_recognized_model(model):
        return
    if router.default_deployment is not None or router.pattern_router.patterns:
        return
    if model in router.deployment_names:
        data["specific_deployment"] = True
        return
    raise ProxyModelNotFoundError(route=_route(function), model_name=model)


def _route(function: Function) -> str:
    return str(ROUTE_ENDPOINT_MAPPING.get(function, function))


def _tell(request: Request, data: dict[str, Any]) -> None:
    """What callbacks, tags and budgets of LiteLLM know of a request."""
    for name in ("metadata", "litellm_metadata"):
        if (said := data.pop(name, None)) is not None:
            data[name] = _normalized_metadata_object(name, said)
            for key in [
                key
                for key in data[name]
                if key.startswith("user_api_key_") or key in _UNTRUSTED_METADATA_CONTROL_FIELDS
            ]:
                del data[name][key]
    _strip_client_pricing_overrides(data)
    _strip_router_reserved_metadata(data)
    _strip_client_callback_credentials(data)

    headers = clean_headers(request.headers, authenticated_with_header=_key_header(request))
    # Our labels were for LiteLLM and stay with it: callbacks see them, providers do not.
    shown = dict(redact_credential_headers(headers))
    place = metadata_variable_name_for_route(request.url.path)
    data.setdefault(place, {})
    url = str(request.url.replace(query=None))
    data["proxy_server_request"] = {
        "url": url,
        "method": request.method,
        "headers": shown,
        "body": None,
        "arrival_time": time.time(),
    }
    data.update(
        LiteLLMProxyRequestSetup.add_litellm_data_for_backend_llm_call(
            headers=headers, request_data=data, user_api_key_dict=ANYBODY, general_settings=None
        )
    )
    LiteLLMProxyRequestSetup.add_litellm_metadata_from_request_headers(
        headers={name: value for name, value in headers.items() if not is_ours(name)},
        data=data,
        _metadata_variable_name=place,
    )
    refresh_proxy_server_request_body_snapshot(data)
    _merge(data, place, headers)
    add_provider_specific_headers_to_request(
        data=data, headers={name: headers[name] for name in FOR_ANTHROPIC if name in headers}
    )
    end_user = headers.get(END_USER) or _end_user(data)
    data[place].update(
        user_api_key_end_user_id=end_user,
        headers=shown,
        endpoint=url,
        requester_ip_address=request.client.host if request.client else "",
        user_agent=headers.get("user-agent", ""),
        litellm_api_version=litellm.__version__ if hasattr(litellm, "__version__") else None,
    )


def _merge(data: dict[str, Any], place: str, headers: Mapping[str, str]) -> None:
    """What the client said of the call, for callbacks, and its tags, for the router."""
    told: dict[str, Any] = data[place]
    if isinstance(data.get("metadata"), dict):
        told["requester_metadata"] = dict(data["metadata"])
        if place == "litellm_metadata" and isinstance(data["metadata"].get("tags"), list):
            told["tags"] = [*(told.get("tags") or ()), *data["metadata"]["tags"]]
    if place == "metadata":
        for name, value in (data.pop("litellm_metadata", None) or {}).items():
            told.setdefault(name, value)
    tags = LiteLLMProxyRequestSetup.add_request_tag_to_metadata(
        llm_router=None, headers=dict(headers), data=data
    )
    if tags:
        told["tags"] = list(dict.fromkeys([*(told.get("tags") or ()), *tags]))


def _end_user(data: Mapping[str, Any]) -> str | None:
    """Whom the body names, where no header does."""
    metadata = data.get("metadata")
    named = metadata.get("user_id") if isinstance(metadata, Mapping) else None
    for user in (data.get("user"), named, data.get("safety_identifier")):
        if isinstance(user, str | int) and str(user).strip():
            return str(user)
    return None


def _key_header(request: Request) -> str:
    return KEY if KEY in request.headers else "authorization"
