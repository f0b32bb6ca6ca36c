"""Keep mitmweb's list of flows short enough to leave running for days."""

from mitmproxy import ctx, flow, http

FLOWS_KEPT = 500


class PruneFlows:
    """Forgets the oldest finished flows; mitmdump keeps none, so there is nothing to do there."""

    def response(self, flow: http.HTTPFlow) -> None:
        prune()

    def error(self, flow: http.HTTPFlow) -> None:
        prune()


def prune() -> None:
    view = ctx.master.addons.get("view")
    if view is None or len(view) <= FLOWS_KEPT:
        return
    stored: list[flow.Flow] = list(view._store.values())
    surplus = len(stored) - FLOWS_KEPT
    view.remove([old for old in stored[:surplus] if not old.live and not old.marked])
