"""Let the calls of our own LiteLLM out, and know for which call each is made."""

from routing.egress import Egress


class LetOut:
    def for_children(self) -> Egress | None:
        return None

    def expect(self, flow_id: str, project: str | None) -> None:
        """A call is on its way to LiteLLM."""

    def forget(self, flow_id: str) -> None:
        """The call has ended."""
