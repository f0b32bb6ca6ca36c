"""Keep mitmweb's list of flows short enough to leave it running for days."""

from collections import deque

from mitmproxy import ctx, http

FLOWS_KEPT = 500


class PruneFlows:
    """Forgets the oldest finished flows, but none that somebody marked.

    mitmdump keeps none, so there is nothing to do there.
    """

    def __init__(self) -> None:
        self.finished: deque[http.HTTPFlow] = deque()

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._finish(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._finish(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._finish(flow)

    def _finish(self, flow: http.HTTPFlow) -> None:
        view = ctx.master.addons.get("view")
        if view is None:
            return
        self.finished.append(flow)
        while len(self.finished) > FLOWS_KEPT:
            oldest = self.finished.popleft()
            if not oldest.marked:
                view.remove([oldest])
