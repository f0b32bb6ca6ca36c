"""The releases of LiteLLM that nothing of ours starts."""

from typing import Final

# Published with a stolen account in March 2026; they steal credentials (BerriAI/litellm 24518).
MALICIOUS: Final = ("1.82.7", "1.82.8")
