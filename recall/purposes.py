"""Find what somebody says that something is used for: "caching" in "we use Redis for caching".

So does the part that it plays: "we use Redis as our cache". Both are customs as they stand; "use
Redis for caching" is one where it says that it lasts. Questions, suppositions, what was once, and
"for fun" are none. A new language is a new row.
"""

import re

from recall.forms import alternation, words_in
from recall.words import stem

# Who uses, how that is put, what stands before the purpose, and what before a part that it plays.
USES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"we our+team (?:this|the|our)+(?:project|repo(?:sitory)?|codebase|app|team|company)",
        r"uses? prefers? rely+on relies+on 're+using (?:are|is)+using",
        "for",
        "as",
    ),
    (
        r"wir unser+team (?:dieses|das|unser)+projekt",
        r"verwende[nt] benutz(?:en|t) nutz(?:en|t)",
        "für",
        "als",
    ),
    (r"nous on (?:ce|le|notre)+projet", r"utilis(?:ons|e)", "pour", "comme"),
    (r"(?:nosotros)? (?:este|el)+proyecto", r"usamos utilizamos usa utiliza", "para", "como"),
)
# Behind "if", "could", "when" or "the cache", as in "the cache we use", something else is told.
_SAYS = (
    r"(?:^|[,;:(\u2013\u2014]\s*|\b(?:and|but|so|that|then|also|please|now|here|fyi|currently|note"
    r"|remember|und|aber|dass|et|mais|que|y|pero)\s+)"
)
_BY_THE_WAY = (
    r"(?:(?:now|always|only|also|currently|exclusively|consistently|all|just|generally|never|don't"
    r"|do not|immer|nur|auch|jetzt|nie|toujours|siempre)\s+)*"
)
_MEANS = (
    r"(?!(?:for|to|it|this|that|them|these|those|one|some|him|her|what|the same|für|das|es|sie|pour"
    r"|ça|para|esto|eso)\b)(?P<means>[^,;:?!]{1,60}?)"
)
_PURPOSE = r"(?P<purpose>[^,;:?!()]+)"
# "As needed" says how, and "as it is fast" says why.
_NO_PART = (
    r"\s+(?:well|is|before|ever|usual|always|such|of|soon|long|much|many|far|little|if|though|it|we"
    r"|you|i|they|he|she|there|possible|opposed|per|follows|in|on|at|to|part|immer|bisher|vorher"
    r"|früher|ob|wir|ich|du|er|sie|es|d'habitude|toujours|si|ça|prévu|siempre|antes)\b"
    r"|\s+\w+ed(?:\s+(?:by|in|above|below|earlier|before|on|at|to|from)\b|\W*$)"
    r"|[^,;:?!()]*\s(?:is|are|was|were|has|have|had|can|will|does|do|did|needs?|makes?"
    r"|works?|prefers?|likes?|wants?)\b"
)


def _of(aim: str, part: str) -> str:
    return rf"(?:{aim}|(?P<part>{part})(?!{_NO_PART}))"


def _patterns(who: str, use: str, aim: str, part: str) -> tuple[str, ...]:
    """For "we use X for Y", for "here use we X for Y", and for "for Y we use X"."""
    who, use, of = f"(?:{alternation(who)})", f"(?:{alternation(use)})", _of(aim, part)
    return (
        rf"{_SAYS}{who}\s*\b{_BY_THE_WAY}{use}\s+{_BY_THE_WAY}{_MEANS}\s+{of}\s+{_PURPOSE}",
        rf"^(?:in|im|bei|hier|jetzt|aktuell|derzeit)\b[^,;:?!]{{0,30}}?\s{use}\s+{who}\s+{_MEANS}"
        rf"\s+{of}\s+{_PURPOSE}",
        rf"^{of}\s+(?P<purpose>[^,;:?!()]{{1,40}}?),?\s+"
        rf"(?:{who}\s+{_BY_THE_WAY}{use}|{use}\s+{who})\s+{_MEANS}(?:[.,;!]|$)",
    )


_USES = tuple(re.compile(pattern) for row in USES for pattern in _patterns(*row))
_USE = re.compile(
    rf"(?:^|[\s,:])(?:use|verwende|nutze|benutze)\s+{_MEANS}\s+{_of('for|für', 'as|als')}"
    rf"\s+{_PURPOSE}"
)
_ENDS = re.compile(
    r"\s(?:because|since|so|as|when|while|if|but|in|on|at|with|from|by|now|instead|here|these days|"
    r"to|rather|only|everywhere|going|moving|anymore|any more|weil|aber|mit|im|bei|car|avec|dans|"
    r"porque|con|en)\b.*|\.(?:\s.*)?$"
)
_MEANS_OF_ITS_OWN = re.compile(r".*\s(?:for|für|pour|para)\s+")
_AND = re.compile(r"\s+(?:and|or|und|oder|et|y)\s+|/|&")
_DETERMINERS = re.compile(
    r"^(?:(?:the|a|an|our|your|my|all|any|most|of|some|every|each|its|their|das|die|den|der|"
    r"unsere?n?|alle|le|la|les|l'|notre|nos|el|los|las)\s+)+"
)
_AS_ALSO = re.compile(r"\s(?:as|als|comme|como)\s")  # "… as a queue and Redis as a cache"
# What comes behind is compared.
_COMPARES = re.compile(r"\b(?:rather|more|less|same|such|as|lieber|eher|mehr|weniger|besser)\s")
# A default or a basis of what? Two of them would not take each other's place.
_ANY_PART = words_in(
    "default defaults standard base basis example reference guide input output value parameter"
    " argument alternative fallback workaround replacement substitute last resort starting point"
    " first second option choice result rule whole name key way means solution temporary quick"
    " beispiel grundlage ersatz vorlage exemple référence ejemplo"
)
# "For fun", "for that", "for ten years" is nothing that a means is chosen for.
_NO_PURPOSE = re.compile(
    r"(?:that|this|it|them|these|those|fun|free|now|sure|real|example|instance|me|us|you|him|her|"
    r"everyone|everything|something|anything|nothing|what\w*|which|ages|long|while|once|ever|"
    r"last|first|past|next|time|hours?|days?|weeks?|months?|years?|\d+|one|two|three|four|five|"
    r"six|ten|few|couple|several|many|spaß|alles|uns|mich|ça|cela|eso|esto)\b"
)
# A project has many means for its work, which do not take each other's place.
_ANYTHING = words_in(
    "a an the project projects task tasks work development coding code team company job jobs"
    " feature features thing things stuff purpose purposes reason reasons use app product projekt"
    " projekte arbeit aufgaben projet travail proyecto trabajo related"
)
LONGEST = 5  # words
# What work on code of any kind may touch, so that what is used for it is good to know.
_IN_CODE = re.compile(
    r"\b(?:cach|queue|queuing|background|jobs?\b|schedul|messag|monitor|observab|metric|"
    r"trac(?:e|ing)|alert|auth|login|session|permission|access|state\b|styl|theming|"
    r"feature flags?|search|index|translat|i18n|internationali|locali[sz]|analytic|e-?mail|notif|"
    r"payment|billing|rout|date|times?\b|timezone|http|request|config|setting|templat|build|bundl|"
    r"infrastructure|provision|type.?check|lint|format|valid|seriali[sz]|pars|money|currenc|ids?\b|"
    r"identifier|stor(?:age|ing)|persist|upload|image|pdf|chart|plot|animation|forms?\b|websocket|"
    r"real.?time|stream|concurren|async|parallel|retr(?:y|ies)|rate limit|encrypt|hash|backup|"
    r"inject|data\b|schema|numeric|cli\b|command|argument|scrap|snapshot|benchmark|profil|error|"
    r"crash|secret|environment|test|mock|fixture|compil|transpil|minif|pagina|events?\b|"
    r"zwischenspeicher|überwach|anmeld|zugriff|such|zahl|bezahl|übersetz|hintergrund|warteschlange|"
    r"speicher|fehler|datum|vorlagen|recherche|paiement|traduc|búsqued|pago)"
)


def named(low: str, *, lasts: bool) -> tuple[str, ...]:
    """The purposes that a sentence in lower case names, where it tells a custom."""
    found = next((m for uses in _USES if (m := uses.search(low))), None)
    if not found and lasts:
        found = _USE.search(low)
    if not found or (found["part"] and _COMPARES.search(low, *found.span("means"))):
        return ()
    aim = f" {found['purpose']}"
    if found["part"]:
        aim = _AS_ALSO.sub(" for ", aim)
    parts = _AND.split(_ENDS.sub("", aim).strip())
    # "… for jobs and RabbitMQ for messages"
    purposes = [_MEANS_OF_ITS_OWN.sub("", part) for part in parts]
    bare = [_DETERMINERS.sub("", purpose.strip(" .\"'`")) for purpose in purposes]
    if _NO_PURPOSE.match(bare[0]):
        return ()
    vague = _ANY_PART if found["part"] else frozenset[str]()
    return tuple(
        each
        for each in bare
        if set(each.split()) - vague and key(each) and len(each.split()) <= LONGEST
    )


def key(purpose: str) -> str:
    """The words that tell a purpose from others, in any order; none where it is any work at all."""
    return " ".join(sorted(stem(word) for word in set(re.findall(r"\w+", purpose)) - _ANYTHING))


def is_in_code(purpose: str) -> bool:
    """Whether it is something that work on code touches."""
    return bool(_IN_CODE.search(purpose))
