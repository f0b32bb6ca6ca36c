"""The list of wire formats; a new one is a module beside this one and a name in this line."""

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from dialects import anthropic, gemini, openai_chat, openai_responses

FORMATS: Final[Mapping[str, ModuleType]] = {
    module.NAME: module for module in (anthropic, openai_chat, openai_responses, gemini)
}
