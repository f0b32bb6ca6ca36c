"""The models on offer, as each dialect lists them."""

from tests.fakes.content import Json

OPENAI_MODELS = ("gpt-5.1", "gpt-5.1-mini", "text-embedding-3-small")
ANTHROPIC_MODELS = ("claude-opus-4-5", "claude-haiku-4-5")
GEMINI_MODELS = ("gemini-2.5-pro", "gemini-2.5-flash")

RELEASED = 1_735_689_600
RELEASED_ISO = "2025-01-01T00:00:00Z"


def openai() -> Json:
    card = {"object": "model", "created": RELEASED, "owned_by": "scripted"}
    return {"object": "list", "data": [{"id": name} | card for name in OPENAI_MODELS]}


def anthropic() -> Json:
    return {
        "data": [
            {"type": "model", "id": name, "display_name": name, "created_at": RELEASED_ISO}
            for name in ANTHROPIC_MODELS
        ],
        "has_more": False,
        "first_id": ANTHROPIC_MODELS[0],
        "last_id": ANTHROPIC_MODELS[-1],
    }


def gemini() -> Json:
    card = {
        "version": "001",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
    return {
        "models": [{"name": f"models/{name}", "displayName": name} | card for name in GEMINI_MODELS]
    }
