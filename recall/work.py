"""Whether a request asks for work on code, and what is to be made or changed.

It does where the verb says so ("implement …", "refactor …"), or where the thing is made of code:
because it is called so ("a script"), or because it is named after what it does ("a parser").
All of it is tables of word forms, so that a new language or thing is a new row.
"""

import re
from dataclasses import dataclass

from recall.forms import alternation


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work that is asked for."""

    thing: str  # the words for what is made or changed
    is_new: bool
    is_code: bool  # for sure; otherwise it depends on what the thing is


# Verbs that only code is the object of, of making first.
CODING = (
    r"implement implementier(?:e|en|t)? implémente[rz]? implementa[r]? scaffold"
    r" (?:code|program|prototype)(?=\s(?:me\s|up\s)?(?:a|an|the|this|that|some)\b)"
    r" programmier(?:e|en|st)? programme[rz] programa[r]"
)
RECODING = r"refactor debug optimi[sz]e paralleli[sz]e refaktorier(?:e|en)"
MAKING = (
    r"write create build make generate draft design develop add put+together whip+up code"
    r" program schreib(?:e|en|st)? erstell(?:e|en|st)? bau(?:e|en|st)? entwick(?:le|eln) füge"
    r" ergänz(?:e|en) écri[srv]\w* crée[rz]? ajoute[rz]? développe[rz]? escrib[ea]\w* crea[r]?"
    r" añad\w* desarrolla[r]?"
)
CHANGING = (
    r"fix rewrite rename convert change update extend set+up port migrate clean+up test move"
    r" split extract replace remove delete complete finish improve simplify wrap annotate"
    r" integrate wire+up hook+up mach(?:e|en|st)? behebe?n? korrigiere?n? ändere? erweitere?"
    r" optimiere?n? überarbeite?n? repariere?n? corrige[rz]? modifie[rz]? arregla[r]?"
    r" modifica[r]?"
)
# The thing may be code, but it is not code that is written.
SHIPPING = r"document commit push merge install deploy"
# What commands only where a sentence begins with it.
COMMANDS = (
    r"cache persist parse validate (?:de)?seriali[sz]e saniti[sz]e paginate throttle debounce"
    r" memoi[sz]e render encode decode hash encrypt mock stub sort handle catch expose inline"
    r" vectori[sz]e deduplicate escape subclass instantiate unit+test"
)

# Where no word begins, none of these has to be tried.
_WORK = re.compile(
    rf"\b(?=\w)(?:(?P<new>(?P<coding>{alternation(CODING)})|{alternation(MAKING)})"
    rf"|(?P<change>(?P<recoding>{alternation(RECODING)})|{alternation(CHANGING)})|{alternation(SHIPPING)})\b"
)
_COMMAND = re.compile(
    r"(?:^|[.!;:\n]\s*|\b(?:please|bitte|now|then|next|also|and|let's|you)\s+)"
    rf"(?:{alternation(COMMANDS)})\s+(?!(?:it|that|this|them|me|us|you|my|your|up|out)\b)(?=\w)"
)
# Asked for without a verb of work. Only where a word begins so is each tried.
_ASKS_FOR = re.compile(
    r"\b(?=[cdgijknpswz])(?:"
    r"(?:i|we)(?:'d| would)?\s+(?:need|want|like)\b|\A(?:need|want)\b"
    r"|(?:give|show|get|send) me\b"
    r"|(?:provide|come up with)\b|(?:can|could|would) you(?: please)? do\b|what would\b"
    r"|(?:can|could) (?:i|we) (?:have|get)\b"
    r"|ich (?:brauche|möchte|hätte gerne?)\b|(?:gib|zeig|kannst du) mir\b"
    r"|j'ai besoin d[e']|donne-moi\b|necesito\b|dame\b)"
)

# Things that are code beyond doubt.
SURELY = (
    r"algorithms? apis? cli components? decorators? endpoints? functions? helpers?"
    r" microservices? middlewares? modules? quer(?:y|ies) quicksort regex(?:es|p)? scripts?"
    r" snippets? sort subclass unit+tests? web\W?(?:apps?|hooks?|sockets?)"
    r" (?:build|convert|crawl|export|format|generat|handl|import|lint|load|logg|pars|render)[eo]rs?"
    r" (?:scrap|seriali[sz]|tokeni[sz]|validat|wrapp)[eo]rs?"
    r" \w*funktion ski?ript fonction función"
)
# Things that are code where somebody is to make or to change them.
THINGS = (
    r"alias(?:es)? apps? applications? array backends? \w*bots? buttons? cach(?:e|ing) clients?"
    r" code commands? constructors? crud daemons? dashboards? dialogs? enums? extensions?"
    r" forms? frontends? games? hash(?:ing)? hooks? inference interfaces? library login loop"
    r" navbar pages? pagination plugins? programs? protocol prototype recursion routes?"
    r" schemas? servers? services? sidebar sites? tools? ui utilit(?:y|ies) utils? validation"
    r" web\W?(?:pages?|sites?) widgets? flow toggle tokens? off-by-one race\Wcondition"
    r" (?:memory\W)?leak deadlock regression segfault edge\Wcases?"
    r" (?:hash|lookup|(?:un)?ordered)+(?:maps?|sets?|tables?) (?:linked|doubly+linked|skip)+lists?"
    r" binary+(?:search|heaps?|(?:search+)?trees?) (?:priority|ring)+(?:queues?|buffers?)"
    r" columns? pool state+machine tries? mode support workflows? (?:docker|make)files?"
    r" pipelines? componente anwendung befehl dienst formular oberfläche programm schaltfläche"
    r" schnittstelle \w*seite spiel werkzeug outil programme analizador herramienta página programa"
)
_SURELY = re.compile(rf"\b(?:{alternation(SURELY)})$")
_THING = re.compile(rf"\b(?:{alternation(THINGS)})$")
_IN_A_LANGUAGE = re.compile(
    r"\b(?:python|typescript|javascript|rust|golang|java|kotlin|swift|ruby|php|bash|sql|c\+\+|c#)"
    r"[\s-]+(?:function|class|method|script|program|code|snippet|funktion|klasse|ski?ript|programm"
    r"|fonction|classe|función|clase)"
)
# Named after what it does, as a resolver is …
_AGENT = re.compile(r"\w{3,}(?:er|or|eur|ador)s?$")
# … unlike these.
NO_AGENTS = (
    r"another answer author banner barrier better bigger border brother burger calendar career"
    r" chapter character cheaper cleaner clearer color computer corner cover customer daughter"
    r" december dinner disclaimer doctor earlier easier either error faster father favor fewer"
    r" flavor flower folder former further gender harder however humor larger later lawyer"
    r" letter longer lower manner matter member minor mirror mother neighbor neither newer"
    r" newsletter nicer november number october offer older order other over owner paper"
    r" partner pepper poster power prayer proper quarter quicker rather remainder reminder"
    r" semester september shorter shower simpler sister smaller stronger summer supper sweater"
    r" teacher together tower under user vendor water weather whether winter worker aber alter"
    r" bilder bruder dieser dishwasher dryer einer freezer heater toaster immer kinder lieder"
    r" mutter oder ordner sommer unser vater wasser wetter wieder zimmer"
)
_NO_AGENT = re.compile(rf"\b(?:{alternation(NO_AGENTS)})s?$")
# What is written for people to read.
WRITINGS = (
    r"e?\W?mails? letter poem haiku limerick story stories essay articles? posts? tweets?"
    r" speech songs? summary announcement presentation slides agenda resume toast novel joke"
    r" recipe reminder newsletter brief gedicht geschichte zusammenfassung lettre poème carta"
    r" poema"
)
_WRITING = re.compile(rf"\b(?:{alternation(WRITINGS)})$")

# A thing named after these belongs to the thing before: "a class with methods", "a function that".
_THING_ENDS = re.compile(
    r"(?<![\w-])(?:that|which|with|given|for|to|from|in|into|of|on|by|about|using|whose|where|"
    r"look like|für|zum|zur|um|mit|von|aus|über|pour|qui|avec|para|que|con|sobre)(?![\w-])"
    r"|[.,;:(?!]"
)
# The noun comes last, but not in French and Spanish.
_NOUN_FIRST = re.compile(r"(?:une?|les?|la|una|el|los|las)\s+\w+")
# What follows the thing: "write a parser please", "make the parser faster".
_TRAILS = re.compile(
    r"(?:\s+(?:please|now|too|again|quickly|today|bitte|jetzt|faster|smaller|simpler|shorter|"
    r"cleaner|better|schneller|kleiner|kürzer))+$"
)
# A question of these words wants to know; "how would you write …" wants the code.
_WANTS_TO_KNOW = re.compile(
    r"^\W*(?:when|who|where|which|how (?:many|much|long|often)|what(?!\s+would\b.*\blook like)|why|"
    r"did|was|were|is|are|has|have|wann|wer|wo|welche\w*|warum|quand|qui|où|pourquoi|cuándo|quién|"
    r"dónde)\b"
)
MOST_VERBS, LONGEST_THING = 8, 200


def asked(low: str) -> Work | None:
    """The work that a request in lower case asks for: what is surely code, or else the first."""
    if _WANTS_TO_KNOW.search(low):
        return None
    first = None
    for _, found in zip(range(MOST_VERBS), _WORK.finditer(low), strict=False):
        thing = _thing(low, found)
        is_code = bool(found["coding"] or found["recoding"]) or (
            bool(found["new"] or found["change"]) and _is_code(thing)
        )
        work = Work(thing, bool(found["new"]), is_code)
        if is_code:
            return work
        first = first or work
    if command := _COMMAND.search(low):
        return Work(_thing(low, command), is_new=False, is_code=True)
    if first:
        return first
    is_in_a_language = bool(_IN_A_LANGUAGE.search(low))
    for _, found in zip(range(MOST_VERBS), _ASKS_FOR.finditer(low), strict=False):
        thing = _thing(low, found)
        if _SURELY.search(thing) or is_in_a_language:
            return Work(thing, is_new=True, is_code=True)
    return None


def is_writing(thing: str) -> bool:
    """Whether it is something for people to read, whatever it is about."""
    return bool(_WRITING.search(thing))


def _is_code(thing: str) -> bool:
    """Whether the noun among the words for a thing means code."""
    if found := _NOUN_FIRST.match(thing):
        thing = found[0]
    if _SURELY.search(thing) or _THING.search(thing):
        return True
    return bool(_AGENT.search(thing)) and not _NO_AGENT.search(thing)


def _thing(low: str, verb: re.Match[str]) -> str:
    """The words for what a verb is about; in German it may stand behind them."""
    rest = low[verb.end() : verb.end() + LONGEST_THING]
    end = _THING_ENDS.search(rest)
    thing = rest[: end.start()] if end else rest
    if not thing.strip():
        before = low[max(0, verb.start() - LONGEST_THING) : verb.start()]
        thing = re.split(r"[.,;:!?\n]", before)[-1]
    return _TRAILS.sub("", thing.strip().rstrip("\"'`*)"))
