"""The entry that mitmproxy loads: `mitmdump -s addons/memory.py`."""

import sys
from pathlib import Path

# mitmproxy puts only the script's own folder on the path; and the code beside this file shall run,
# not that of another clone which the environment may know.
_ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [_ROOT, *(path for path in sys.path if path != _ROOT)]

from addons.keep_cookies import KeepCookies
from addons.log_calls import LogCalls
from addons.open_listeners import OpenListeners
from addons.open_tls import OpenTLS
from addons.pass_streams import PassStreams
from addons.prune_flows import PruneFlows
from addons.read_settings import ReadSettings
from addons.reroute import Reroute
from addons.retell import Retell
from addons.run_backend import RunBackend
from addons.tell_errors import TellErrors
from addons.use_authority import UseAuthority

_settings = ReadSettings()
_listeners = OpenListeners(_settings)
_backend = RunBackend(_settings)

addons = [
    _settings,
    UseAuthority(_settings),
    _backend,
    _listeners,
    OpenTLS(_settings),
    Reroute(_settings, _listeners, _backend),
    KeepCookies(),
    PassStreams(),
    Retell(_backend),
    TellErrors(_backend),
    LogCalls(),
    PruneFlows(),
]
