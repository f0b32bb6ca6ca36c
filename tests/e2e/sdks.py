"""The official SDKs' clients, and the two ways that lead them through us."""

from dataclasses import dataclass
from typing import Any, Literal

import anthropic
import groq
import httpx
import openai
import pytest
from google import genai

from tests.e2e.mitmdump import Mitmdump

type Way = Literal["by base URL", "through the proxy"]

MODEL = "scripted-model"
QUESTION = "What is the colour of the sky?"
TEXT = "The sky is blue, “mostly”, and sometimes 灰色."
TOOL = ("look_up", {"what": "sky", "when": ["now", "then"]})
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}}}
ASKED = [{"role": "user", "content": QUESTION}]
KEY = "sk-first-key-0001"
SECOND_KEY = "sk-second-key-0002"

OF_THE_USER = (
    "ALL_PROXY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GROQ_API_KEY",
    "GROQ_BASE_URL",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "SSL_CERT_DIR",
)


@dataclass(frozen=True, slots=True)
class Clients:
    """Each SDK's client: at a base URL, or where it goes by itself."""

    root: str | None
    """None leaves the way to the environment."""
    is_mounted: bool
    """Whether the root serves several providers, each below its name."""
    key: str = KEY
    seconds: float = 20.0
    retries: int = 0

    def to_openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self._below("/v1"), **self._stainless())

    def to_openai_async(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self._below("/v1"), **self._stainless())

    def to_anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self._below(""), **self._stainless())

    def to_anthropic_async(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=self._below(""), **self._stainless())

    def to_groq(self) -> groq.Groq:
        return groq.Groq(base_url=self._below("", "/groq"), **self._stainless())

    def to_groq_async(self) -> groq.AsyncGroq:
        return groq.AsyncGroq(base_url=self._below("", "/groq"), **self._stainless())

    def to_gemini(self) -> genai.Client:
        options = genai.types.HttpOptions(
            base_url=self._below("", "/gemini"), timeout=int(self.seconds * 1000)
        )
        return genai.Client(api_key=self.key, http_options=options)

    def _below(self, path: str, mount: str = "") -> str | None:
        if self.root is None:
            return None
        return self.root + (mount if self.is_mounted else "") + path

    def _stainless(self) -> dict[str, Any]:
        return {"api_key": self.key, "timeout": self.seconds, "max_retries": self.retries}


def reach(way: Way, proxy: Mitmdump, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The base URL of this way; for the proxy it is the environment that a tool is started with."""
    if way == "by base URL":
        return proxy.url
    for name, value in proxy.tool_environment().items():
        monkeypatch.setenv(name, value)
    return None


def raw_client(way: Way, proxy: Mitmdump, host: str = "api.openai.com") -> httpx.Client:
    if way == "by base URL":
        return httpx.Client(base_url=proxy.url, trust_env=False, timeout=20)
    return proxy.client(base_url=f"https://{host}")
