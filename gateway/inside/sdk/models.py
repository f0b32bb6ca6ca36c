"""The models that litellm.yaml names, as LiteLLM's proxy lists them."""

from typing import Any

import litellm
from litellm.llms.anthropic.common_utils import create_anthropic_model_list_response
from litellm.proxy.auth.model_checks import get_complete_model_list
from litellm.proxy.utils import create_model_info_response

from gateway.inside.sdk.errors import Refusal


def listed(router: Any, *, for_anthropic: bool) -> Any:
    """Every model."""
    models = [
        create_model_info_response(model_id=name, provider="openai", llm_router=router)
        for name in _names(router)
    ]
    if for_anthropic:
        return create_anthropic_model_list_response(models)
    return {"data": models, "object": "list"}


def described(router: Any, name: str) -> Any:
    """One model."""
    if name not in _names(router):
        words = f"The model `{name}` does not exist or is not accessible"
        raise Refusal(404, "not_found_error", words)
    deployment = router.get_deployment_by_model_group_name(name)
    if deployment is None:
        words = f"Model '{name}' not found in router configuration"
        raise Refusal(404, "not_found_error", words)
    _, provider, _, _ = litellm.get_llm_provider(model=deployment.litellm_params.model)
    return create_model_info_response(model_id=name, provider=provider, llm_router=router)


def _names(router: Any) -> list[str]:
    blocked = router.get_fully_blocked_model_names()
    names = get_complete_model_list(
        key_models=[],
        team_models=[],
        proxy_model_list=router.get_model_names(),
        user_model=None,
        infer_model_from_keys=False,
        llm_router=router,
    )
    return [name for name in names if name not in blocked]
