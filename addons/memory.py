"""The entry that mitmproxy loads: `mitmdump -s addons/memory.py`."""

import sys
from pathlib import Path

# mitmproxy puts only the script's own folder on the path; and the code beside this file shall run,
# not that of another clone which the environment may know.
_ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [_ROOT, *(path for path in sys.path if path != _ROOT)]

from addons.ask_who_answers import AskWhoAnswers
from addons.keep_cookies import KeepCookies
from addons.learn import Learn
from addons.let_out import LetOut
from addons.log_calls import LogCalls
from addons.ongoing import Calls
from addons.open_listeners import OpenListeners
from addons.open_memory import OpenMemory
from addons.open_tls import OpenTLS
from addons.own_pages import OwnPages
from addons.pass_streams import PassStreams
from addons.prune_flows import PruneFlows
from addons.read_frames import ReadFrames
from addons.read_settings import ReadSettings
from addons.readings import Readings
from addons.remind import Remind
from addons.renew_backend import RenewBackend
from addons.reroute import Reroute
from addons.retell import Retell
from addons.run_backend import RunBackend
from addons.save_cookies import SaveCookies
from addons.shorten_pauses import ShortenPauses
from addons.stop_loops import StopLoops
from addons.tell_errors import TellErrors
from addons.use_authority import UseAuthority

_settings = ReadSettings()
_listeners = OpenListeners(_settings)
_let_out = LetOut(_settings, _listeners)
_backend = RunBackend(_settings, _let_out)
_memory = OpenMemory(_settings, _listeners)
_pages = OwnPages(_settings, _listeners, _backend, _memory)
_readings = Readings()
_cookies = KeepCookies()
_calls = Calls()

# The order in which each hook fires.
addons = [
    _settings,  # before whoever reads them
    UseAuthority(_settings),
    _backend,
    RenewBackend(_backend),
    SaveCookies(_settings, _listeners, _cookies),  # writes once more before the lock is released
    _listeners,
    _memory,
    OpenTLS(_settings, _let_out),
    _let_out,  # what passes us a second time is never decided
    Reroute(_settings, _listeners, _backend, _readings, _pages),
    ReadFrames(_settings, _listeners, _readings),
    StopLoops(_settings, _readings),  # before anything is recalled for it
    Remind(_memory, _readings, _calls),
    _cookies,
    PassStreams(),
    Retell(_backend),
    TellErrors(_backend),
    Learn(_memory, _readings, _calls),  # from what the client was told
    LogCalls(),
    PruneFlows(),
    AskWhoAnswers(),
    ShortenPauses(),
]
