"""LiteLLM: its own environment, the child process that serves it, and its health."""
