"""What runs inside LiteLLM's own environment: standard library, LiteLLM and what comes with it."""
