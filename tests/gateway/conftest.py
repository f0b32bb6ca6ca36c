"""LiteLLM's environment is the one that the end-to-end tests use."""

from tests.e2e.litellm_environment import litellm_environment

__all__ = ["litellm_environment"]
