"""The certificate authority of this machine's user, and what a tool needs to trust it."""

from certs.authority import Authority, ensure_authority
from certs.bundle import write_bundle
from certs.environment import tool_environment

__all__ = ["Authority", "ensure_authority", "tool_environment", "write_bundle"]
