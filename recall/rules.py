"""Recognise standing rules in what a user says, and tell which requests fall under them.

A rule is a directive ("use", "must", "I want you to") that is meant to last: it says so ("always",
"from now on") or it speaks of a whole kind of thing ("function names", "every class").
All of it is tables of word forms, so that a new language or subject is a new row.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag, auto
from functools import lru_cache, reduce
from operator import or_

from recall import purposes, rivals, work
from recall.forms import alternation
from recall.rivals import Verdict


class Subject(IntFlag):
    """What a rule or a request is about; a mask of these fits an SQLite integer."""

    # Hosts: the places in code at which a rule takes effect.
    FUNCTION = auto()
    METHOD = auto()
    CLASS = auto()
    ATTRIBUTE = auto()
    ARGUMENT = auto()
    VARIABLE = auto()
    CONSTANT = auto()
    FILE = auto()
    # Topics that all code has.
    NAME = auto()
    DOCSTRING = auto()
    COMMENT = auto()
    ANNOTATION = auto()
    DECORATOR = auto()
    ERROR = auto()
    ASSERTION = auto()
    IMPORT = auto()
    FORMAT = auto()
    CODE = auto()
    LANGUAGE = auto()
    # Topics that work on code only brings up now and then.
    LOGGING = auto()
    TEST = auto()
    COMMIT = auto()
    DEPENDENCY = auto()
    TOOL = auto()
    DATABASE = auto()
    API = auto()
    INTERFACE = auto()
    SECURITY = auto()
    DEPLOYMENT = auto()
    DOCUMENTATION = auto()
    # How to answer holds for every request; what is none of the above holds where words match.
    ANSWER = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """One standing rule and what it is about."""

    text: str
    subjects: Subject
    key: str
    strength: float
    forbids: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What a request falls under: directly, and through what such work brings with it."""

    direct: Subject
    implied: Subject

    def __bool__(self) -> bool:
        """Whether it asks for work on code at all."""
        return bool(self.direct | self.implied)


S = Subject
NOTHING = S(0)
HOSTS = reduce(or_, (s for s in S if s < S.NAME))
ALL_CODE = reduce(or_, (s for s in S if S.NAME <= s < S.CODE))
CODE_ITSELF = ALL_CODE & ~S.NAME | S.CODE | S.LANGUAGE
AROUND_CODE = S.CODE | S.LANGUAGE | S.LOGGING | S.TEST | S.DEPENDENCY | S.TOOL | S.DOCUMENTATION
TOPICS = reduce(or_, (s for s in S if S.NAME <= s <= S.DOCUMENTATION))
# The key of a rule that is about nothing known.
UNKNOWN = "other"
# Before what something is used for, in the key of a rule about that.
PURPOSE = "use."
# Words so common that they only say what a rule is about where nothing better does.
FAINT = S.CODE | S.LANGUAGE | S.FILE | S.NAME

# The words for each subject; the earlier row wins, so "function argument" comes before "function".
LEXICON: tuple[tuple[Subject, str], ...] = (
    (
        S.ARGUMENT,
        r"(?:(?:functions?|methods?|keyword|positional|input)\W{1,3})?"
        r"(?:arguments?|args?|parameters?|params?|kwargs)"
        r" parametern? argumenten? param[eè]tres? argumentos? par[aá]metros?",
    ),
    (
        S.ATTRIBUTE,
        r"(?:(?:class|instance|object)\W{1,3})?(?:attributes?|propert(?:y|ies)|fields?)"
        r" (?:member|instance)+variables? attributen? eigenschaft(?:en)? attributs? atributos?",
    ),
    (S.METHOD, r"(?:(?:class|instance|object)\W{1,3})?methods? methoden? méthodes? métodos?"),
    (
        S.TEST,
        r"tests? testing pytest unittest jest vitest mocha junit rspec coverage mocks?"
        r" fixtures? testen testf[aä]lle? pruebas?",
    ),
    (S.DOCSTRING, r"doc\W?strings? jsdoc javadoc docblocks?"),
    (S.DOCUMENTATION, r"documentation readme changelog docs markdown dokumentation"),
    (
        S.COMMENT,
        r"comment(?:s|ing|ed)? kommentaren? kommentieren? commentaires? comentarios? comentar",
    ),
    (
        S.ANNOTATION,
        r"annotat(?:e|es|ed|ing|ions?) type\W?hint(?:s|ing|ed)? typing type\Wsignatures?"
        r" (?:return|static|argument)+types? typ(?:annotationen|hinweise) anotaciones",
    ),
    (
        S.DECORATOR,
        r"decorators? decorat(?:e|es|ed|ing) dekorator(?:en)? décorateurs? decorador(?:es)?",
    ),
    (
        S.ERROR,
        r"try try\W{1,3}(?:except|catch) exceptions? errors? error\Whandling catch(?:es|ing)?"
        r" rais(?:e|es|ed|ing) fehlerbehandlung ausnahmen? erreurs? errore?s? excepci[oó]n(?:es)?",
    ),
    (S.ASSERTION, r"assert(?:s|ions?|ing)? zusicherung(?:en)? aserciones"),
    (S.IMPORT, r"import(?:s|ed|ing)? importieren? importe[rz]? importar?"),
    (S.LOGGING, r"logg(?:ing|ers?) logs? prints? print.statements? console\.log structlog"),
    (
        S.TOOL,
        r"formatters? linters? debuggers? profilers? ides? code\Wreviews? type\Wcheckers? mypy"
        r" pyright ruff eslint",
    ),
    (
        S.FORMAT,
        r"indent(?:ation|ed|s|ing)? tabs? spaces line\W(?:lengths?|breaks?) quotes semicolons?"
        r" trailing\Wcommas? blank\Wlines? whitespace format(?:ted|ting)"
        r" lines?(?=[^.,;]{0,40}?\d{2,3}\W?(?:characters?|chars?|columns?|cols))"
        r" (?:limit|wrap|break)\Wlines? zeilen(?=[^.,;]{0,40}?\d{2,3}\W?zeichen)"
        r" (?<!the\W)(?<!a\W)(?<!specific\W)(?<!this\W)(?<!following\W)format f\Wstrings?"
        r" einrückung(?:en)? leerzeichen indentation sangría espacios espaces",
    ),
    (
        S.COMMIT,
        r"commit(?:s|ted|ting)? branch(?:es)? push(?:es|ed|ing)? merg(?:e|es|ed|ing)(?!.sort) git"
        r" pull\Wrequests? prs? rebas(?:e|ing) version+control",
    ),
    (
        S.DEPENDENCY,
        r"dependenc(?:y|ies) packages? pip npm pnpm yarn poetry uv conda venv librar(?:y|ies)"
        r" virtual\W?env(?:ironment)?s? install(?:s|ed|ing)? abhängigkeit(?:en)? dependencias?"
        r" dépendances?",
    ),
    (
        S.DATABASE,
        r"databases? sql quer(?:y|ies) migrations? postgres(?:ql)? sqlite mysql orm"
        r" datenbank(?:en)? base+de+datos",
    ),
    (S.API, r"apis? endpoints? graphql https? status\Wcodes?"),
    (S.INTERFACE, r"components? css tailwind react hooks? ui frontend"),
    (S.SECURITY, r"secrets? passwords? credentials? api\Wkeys? encrypt\w*"),
    (S.DEPLOYMENT, r"deploy(?:s|ed|ing|ments?)? docker\w* containers? kubernetes ci pipelines?"),
    (
        S.ANSWER,
        r"answer(?:s|ing)? repl(?:y|ies) respon(?:d|se|ses) explanations? emojis?"
        r" bullet\W?points? apologi[sz]e antwort(?:e|en|est)? réponds répondre responder?"
        r" (?:(?:speak|talk|write)+(?:to+me+)?)?in+(?:german|english|french|spanish)"
        r" auf+(?:deutsch|englisch) en+(?:fran[cç]ais|anglais|espa[nñ]ol|inglés)",
    ),
    (S.CONSTANT, r"constants? konstanten? constantes?"),
    (S.FUNCTION | S.NAME, r"funktionsnamen?"),
    (S.METHOD | S.NAME, r"methodennamen?"),
    (S.CLASS | S.NAME, r"klassennamen?"),
    (S.VARIABLE | S.NAME, r"variablennamen?"),
    (S.FUNCTION, r"functions? funktion(?:en)? fonctions? funci[oó]n(?:es)? lambdas?"),
    (S.CLASS, r"class(?:es)? dataclass(?:es)? klassen? classe clases?"),
    (S.VARIABLE, r"variables? variablen?"),
    (
        S.FILE,
        r"files? modules? scripts? folders? director(?:y|ies) dateien? fichiers? archivos?",
    ),
    (S.NAME, r"nam(?:e|es|ed|ing) identifiers? benennen? namen? noms? nombres?"),
    (S.CODE, r"code coding codebase programs? quellcode código"),
    (S.LANGUAGE, r"python typescript javascript rust golang java kotlin swift ruby php"),
)
# The border of the word stands before the alternatives, so that most characters fail at once.
_TOKEN = re.compile(rf"\b(?:{'|'.join(f'({alternation(row)})' for _, row in LEXICON)})\b")

# The ways to shape a name, of which an old one gives way to a new one.
SLOTS: tuple[tuple[str, str], ...] = (
    (
        "suffix",
        r"[\"'`]_\w+[\"'`]|\bsuffix\w*|\bpostfix\w*|\bend(?:s|ing)?\b(?=[^.]{0,60}?(?:\bwith\b|\bin\b|['\"`]|_\w))"
        r"|\bend(?:en|et|e)\b.{0,40}\bauf\b|\btermin(?:e|er|ent|ar|an)\b",
    ),
    (
        "prefix",
        r"[\"'`]\w+_[\"'`]|\bprefix\w*|\bpr[äé]fi[xj]\w*|\bprefij\w*"
        r"|\b(?:start|begin)(?:s|ning|ing)?\b(?!\s+(?:\w+ing\b|to\b))"
        r"(?=[^.]{0,60}?(?:\bwith\b|['\"`]|\w_))"
        r"|\bbeginn(?:en|t|e)\b.{0,40}\bmit\b|\bcommenc\w+\b.{0,40}\bpar\b|\bempiez\w+\b",
    ),
    ("digit", r"\b(?:digits?|numerals?|numbers?|ziffern?|chiffres?|dígitos?)\b"),
    (
        "case",
        r"\b(?:snake|camel|pascal|kebab|upper|lower|title|screaming)[\W_]?(?:snake[\W_]?)?case\w*"
        r"|\bcapitali[sz]\w+|\bcapital\s+letters?|\ball\s+caps\b",
    ),
    (
        "contains",
        r"\b(?:includ|contain)\w*\b[^.]{0,30}?\b(?:string|word|text|substring|letters?|tag|phrase)\b"
        r"|\b(?:string|word|substring)\s+['\"`]",
    ),
    ("length", r"\b(?:descriptive|meaningful|self\W?explanatory|short|abbreviat\w+|concise)\b"),
)
_SLOTS = tuple((slot, re.compile(pattern)) for slot, pattern in SLOTS)
_QUOTED = re.compile(r"(?<!\w)[\"'`]([^\s\"'`]{1,40})[\"'`]|(@[\w.]+)")

# What makes a directive last.
LASTING = (
    r"always never from+now+on from+here+on from+this+(?:point|moment|day) (?:going|moving)+forward"
    r" henceforth hereafter in+(?:the+)?future every+time each+time whenever by+default as+a+rule"
    r" without+exception at+all+times consistently no+matter+what until+further+notice"
    r" (?:as+a|our|the|a|new|updated|standard)+(?:standard|rule|convention|policy|practice|norm)"
    r" in+general any+more anymore no+longer under+no+circumstances"
    r" immer nie niemals ab+jetzt ab+sofort von+nun+an künftig zukünftig in+zukunft grundsätzlich"
    r" stets jedes+mal toujours jamais désormais dorénavant à+partir+de+maintenant siempre nunca"
    r" jamás de+ahora+en+adelante a+partir+de+ahora"
)
_LASTING = re.compile(rf"\b(?:{alternation(LASTING)})\b")

# "She always says", "it's never", "you always know": told, not asked for.
_TOLD = re.compile(
    r"\b(?:i|i've|i'm|i'd|i'll|i have|he|she|it|they|you|you've|there|who|which|people|everyone|"
    r"someone|nobody|is|are|was|were|has|have|had|been|'s|'ve|'re|will|'ll|can|could|would|might|"
    r"as|almost|nearly|not|my (?:\w+)|ich|er|sie|es|je|il|elle|on|j'ai|ist|war|bin|est|era)\s+"
    r"(?:also\s+|just\s+|almost\s+|have\s+|had\s+|has\s+|ha\s+|n')?"
    r"(?:always|never|immer|nie|niemals|toujours|jamais|siempre|nunca)\b"
    r"(?!\s+(?:want|prefer|expect|use|need|be\s+used)\b)"
    r"|\bnever\s+(?:mind|hesitate|been)\b|\balways\s+(?:a|an|the|been|great|good|nice|happy|here|"
    r"welcome|feel|open|eager|important|room|more)\b|\bnext time\b"
    # Past and third person: only the bare verb commands.
    r"|\b(?:always|never)\s+(?:had|saw|came|went|got|thought|knew|felt|made|said|told|did|"
    r"(?!need|embed|feed|exceed|proceed)\w+ed|(?!bring|string)\w+ing|\w+[^\Wsu]s)\b"
)
_TOLD_YOU = re.compile(
    r"\b(?:that|sure|ensure|should|must|when|if|remember)\s+you\s+(?:always|never)"
)

_START = r"(?:^|[,;:\u2013\u2014]\s*|\s-\s+|\b(?:and|then|so|but|or|please|that|to|also)\s+)"
_LEAD = (
    r"(?:(?:please|also|and|so|then|now|just|but|first(?:ly)?|second(?:ly)?|third(?:ly)?|finally|"
    r"lastly|additionally|furthermore|likewise|similarly|next|remember(?: to)?|do|be sure to|"
    r"(?:make|be) (?:sure|certain)(?: to| that you| you)?|ensure(?: that)?(?: you)?|always|never|"
    r"only|consistently|don't|do not|don't ever|ever|bitte)[\s,:]+)"
)
_VERB = (
    r"(?:use|avoid|prefer|start|begin|end|name|call|prefix|suffix|add|include|write|import|wrap|"
    r"annotate|put|place|keep|make sure|ensure|be sure|follow|run|document|comment|define|declare|"
    r"decorate|format|indent|limit|return|raise|catch|log|test|commit|push|merge|answer|reply|"
    r"respond|speak|talk|explain|show|give|ask|check|treat|stick|leave|omit|mock|store|save|apply|"
    r"adopt|implement|incorporate|refrain|handle|validate|provide|create|remember|assert|set|"
    r"separate|group|sort|mark|mention|cite|deploy|install|pin|require|utilize|capitalize|assume)"
)
# How a directive is put.
DIRECTIVES: tuple[tuple[str, str], ...] = (
    ("imperative", rf"{_START}{_LEAD}{{0,4}}{_VERB}\b"),
    ("lasting imperative", rf"{_START}{_LEAD}{{0,3}}(?:always|never)\s+[a-z]"),
    (
        "obligation",
        r"\b(?:should|must|shall|needs? to|have to|has to|ought to|are to|is to|required to|"
        r"supposed to)\b",
    ),
    (
        "wish",
        r"\b(?:i|we)(?:'d| would|'ll)?\s+(?:now\s+|just\s+)?(?:really\s+|also\s+|always\s+)?"
        r"(?:want|like|need|prefer|expect|love|ask|hate|insist|recommend|require)\b",
    ),
    (
        "custom",
        r"\b(?:we|our team|this project|the project|this repo\w*|our codebase|the codebase|i)\s+"
        r"(?:(?:always|never|only|now|also|don't|do not|consistently)\s+)?"
        r"(?:use|prefer|follow|write|name|keep|run|put|end|start|prefix|suffix|commit|include|add|"
        r"avoid|format|indent|wrap|annotate|document|deploy|store|log|import|adopt)\b",
    ),
    (
        "statement",
        r"\b(?:convention|standard|policy|rule|style|preference|requirement)s?\s+"
        r"(?:is|are|now|here|requires?|for)\b|\bit(?:'s| is)\s+(?:\w+\s+)?(?:important|crucial|"
        r"essential|required|mandatory|imperative|vital)\s+(?:to|that|for)\b"
        r"|\b(?:thing|practice|point|habit|instruction|requirement|request)s?\b[^,;]{0,50}?"
        r"\bis\s+(?:(?:to|that|the|by|always)\s+)?\w+"
        r"|\b(?:importance|habit|necessity|use|value)\s+of\s+(?:\w+ly\s+)?(?:\w+ing\b|[a-z@'\"])",
    ),
    ("suggestion", r"\blet's\s+(?:\w+ly\s+|always\s+|never\s+)?(?:use|avoid|keep|name|write)\b"),
    ("ban", r"(?:^|[,;:]\s*)no\s+(?:more\s+)?[a-z]+\s*[a-z]*s\b"),
    (
        "whole kind",
        r"\b(?:all|every|each|any)\s+(?:of\s+)?(?:(?:your|our|the|my|new|public|private)\s+)*"
        r"(?:\w+\s+)?\w+\s+(?:start|end|begin|are|is|get|gets|has|have|go|goes|use|uses)s?\b",
    ),
)
_DIRECTIVES = tuple(re.compile(pattern) for _, pattern in DIRECTIVES)
# The plainest forms of other languages; these count only beside a word that makes them last.
_OTHER_TONGUE = re.compile(
    r"\b(?:bitte|soll(?:en|st|te)?|muss|müssen|verwenden?|nutzen?|benutzen?|schreiben?|"
    r"antworten?|benennen?|kommentieren?|vermeiden?|beginnen?|enden?|füge|nimm|mach|"
    r"wir|s'il te plaît|utilise[rz]?|"
    r"écri[srv]\w*|réponds|répondre|évite[rz]?|ajoute[rz]?|commence[rz]?|termine[rz]?|"
    r"doi(?:t|s|vent)|il faut|nous|on|por favor|usa[r]?|utiliza[r]?|escribe|escribir|"
    r"responde[r]?|evita[r]?|añad(?:e|ir)|empieza|termina|debe[ns]?|hay que|quiero que)\b"
)
_MUST = re.compile(r"\b(?:must|should|needs? to)\b")
# A choice between alternatives lasts even where nothing says so.
_CHOICE = re.compile(
    r"(?:^|\bplease\s+|[,;:]\s*|\b(?:we|i)\s+)(?:always\s+|only\s+)?(?:use|prefer)\s+"
    r"[^,;]{1,60}?(?:,\s*(?:not|never)\b|\binstead\s+of\b|\brather\s+than\b|\bover\b)"
    r"|\bwe\s+use\s+(?!(?:it|this|that|them|these|those|some)\b)[^,;]{1,60}?\s+(?:for|as|to)\s+\w+"
    r"|\bi\s+(?:prefer|hate|dislike)\s+\w+"
    r"|\bdon't\s+ever\b"
)
# A whole kind of thing rather than one specimen of it.
_KIND = re.compile(
    r"\b(?:all|every|each|any)\s+(?:of\s+)?(?:(?:your|our|the|my|new)\s+)*(?:\w+\s+){0,2}?"
    r"(?:functions?|methods?|class(?:es)?|variables?|arguments?|parameters?|attributes?|constants?|"
    r"modules?|imports?|tests?|files?|scripts?|code|commits?|names?|projects?|queries|endpoints?|"
    r"components?|exceptions?|errors?|docstrings?)\b"
    r"|\b(?:your|our)\s+(?:\w+\s+){0,2}?(?:functions|methods|classes|variables|arguments|code|"
    r"parameters|attributes|constants|modules|imports|tests|scripts|commits|names|projects)\b"
    r"|\b(?:function|method|class|variable|argument|attribute|constant|parameter|file|module|test|"
    r"branch)\s+(?:names|bodies|definitions|signatures|declarations)\b|\bwhen(?:ever)?\s+(?:you\s+|you're\s+|we\s+)?(?:writ|nam|defin|creat|"
    r"declar|implement|cod|import|commit|test)\w*\b|\b(?:in|to|for|of|using|with)\s+"
    r"(?:functions|methods|classes|variables|arguments|parameters|attributes|constants)\b"
    r"|\b(?:name|annotate|document|prefix|suffix|type|test)\s+(?:functions|methods|classes|"
    r"variables|arguments|parameters|attributes|constants|modules|files|branches)\b"
    r"|\bstart\s+\w+ing\b|^(?:please\s+)?(?:\w+\s+)?only\s+(?:what|use|the)\b"
)
# Praise of a rule, and talk that one is to come, lay down nothing by themselves.
_PRAISE = re.compile(
    r"^(?:(?:remember|again|and|so|plus|overall|essentially|basically|but)[\s,]+)*"
    r"(?:this|these|that|those|they|such|it)\b"
    r"(?!(?:'s| is)\s+(?:\w+\s+)?(?:important|crucial|essential|required|mandatory|vital)\s+"
    r"(?:to|that|for)\b)"
)
_ANNOUNCED = re.compile(
    r"\b(?:conventions?|standards?|practices?|guidelines?|instructions?|formats?|approach|habits?|"
    r"consisten\w+|updates?|changes?|decorators?)\b"
)
# One piece of work, done once.
_ONCE = re.compile(
    r"\b(?:this|the|that|these|those)\s+(?:(?!all|every|each|any)\w+\s+)?(?:bug|issue|ticket|task|feature|file|folder|"
    r"error|failure|build|test|tests|script|page|function|method|class|problem|change|changes)\b"
    r"(?!\s+(?:names?|arguments?|bodies|definitions?|files?)\b)"
    r"|\b(?:for now|right now|today|tonight|tomorrow|this time|just once|this week|"
    r"by (?:monday|tuesday|wednesday|thursday|friday|tomorrow|next)|asap)\b"
    r"|(?:[\w.-]+/){2,}|(?<!\w)\.{0,2}/\w|\b[\w-]+\.(?:py|js|ts|tsx|rs|go|java|c|cpp|md|json|ya?ml|toml|txt|sh|html)\b"
)
# No files, although they are called like ones.
_LIBRARY = re.compile(
    r"\b(?:alpine|angular|backbone|chart|d3|discord|ember|express|nest|next|node|nuxt|react|solid|"
    r"three|vue)\.js\b"
)
# Questions, suppositions, promises of one's own, and what is only polite.
_NOT_ASKED = re.compile(
    r"^(?:[\"'(]\s*)?(?:(?:and|so|but|also|then|well)\s+)?(?:if i|if we|should (?:i|we)|what|why|"
    r"how|who|which|where|suppose|imagine|would (?:it|i)|do (?:i|we|you|they)|does|did|is it|"
    r"is there|are there|am i|could i|can i|may i)\b"
)
_OWN = re.compile(
    r"\b(?:i'll|i will|i'm going to|i shall|i've|i have|i am|i'm|i was|i can|i could|we'll|we will|"
    r"i understand|ich werde|je vais|voy a)\b"
    r"|\b(?:feel free|don't hesitate|do not hesitate|let me know|don't worry|never mind|reach out|"
    r"keep up|thank you|thanks for|good luck|keep me)\b"
)
_WISH = re.compile(
    r"\b(?:i|we)(?:'d| would|'ll)?\s+(?:\w+\s+)?(?:want|like|need|prefer|expect|ask)\s+"
    r"(?:for\s+)?(?:you|us|that|all|every|each|the|our|\w+\s+names?)\b"
)
_OWN_AIM = re.compile(
    r"\b(?:i|we)(?:'d| would)?\s+(?:want|like|need)\s+to\s+(?!see\b|emphasi|stress)"
)
_ASKED_NICELY = re.compile(r"^(?:\w+,\s+)?(?:please\s+)?(?:can|could|would|will) you\b")
_FORBIDS = re.compile(
    r"\b(?:never|don't|do not|avoid|no|not|without|stop|refrain|nie|niemals|kein\w*|nicht|jamais|"
    r"ne|nunca|evita)\b"
)
# What follows tells the reason and no longer the rule.
_REASON = re.compile(
    r"\b(?:so that|because|since|as it|as this|which|this (?:will|helps|is)|even if|even though|"
    r"in order to|(?<!you )(?<!us )(?<!need )(?<!want )(?<!important )(?<!remember )"
    r"to (?:help|ensure|make|maintain|improve|provide|prevent|identify|distinguish|"
    r"differentiate|keep|enhance|facilitate|indicate|show|avoid|signal|reflect|make|gracefully|handle|easily|clearly|better|allow|enable)|"
    r"weil|damit|parce que|porque|para que)\b"
)
_BACK = re.compile(r"\b(?:it|its|them|they|their|these|those|this|that|the names?)\b")

_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
_QUOTE = re.compile(r"(?<=[\w:,] )(?:\"[^\"\n]{12,400}\"|«[^»\n]{12,400}»)")
# Typographic quotes are read as plain ones.
_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')*]*\s+|\n+")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)]|[a-z]\))\s+")
_SEGMENT = re.compile(r"[,;]|\b(?:and|but|und|aber|et|mais|y|pero)\b")
_PLACE = re.compile(r"\W*(?:for|when|whenever|in|on|bei|für|pour|para)\b")

# Quoted mail, tables, indented code, shell input, diffs, mark-up, and captions.
_PASTED = (">", "|", "    ", "\t", "$ ", "+", "<", "#!", "[")
# A rule is said in a sentence or two; beyond these bounds there is pasted matter.
HEAD, TAIL, LONGEST_SENTENCE, MOST_RULES = 12_000, 4_000, 500, 24


def _sentences(text: str) -> Iterator[str]:
    """The sentences of what was said, without code, quotations and pasted matter."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n\n{text[-TAIL:]}"
    text = _QUOTE.sub(" … ", _FENCE.sub("\n", text.translate(_STRAIGHT)))
    for line in _SENTENCE.split(text):
        if line.startswith(_PASTED):
            continue
        said = _BULLET.sub("", line.strip().strip('"*').strip())
        if 8 <= len(said) <= LONGEST_SENTENCE:
            yield said


# "… when I ask about wills" holds for talk of wills, which only their words can tell; not for
# whatever work is asked for next.
_TALKED_OF = re.compile(
    r"\b(?:when(?:ever)?|if|once|every time|each time|any time|for|in) "
    r"(?:(?:i|we|you|someone|somebody|anyone|people) (?:\w+ly )?"
    r"(?:asks?|talk|discuss|inquire|mention|bring up|want to (?:know|talk)|need to know|request)"
    r"|(?:asked|asking|talking|discussing|(?:question|discussion)s?) (?:about|on|of))\b"
)


def _subjects_in(text: str) -> Subject:
    """The subjects whose words occur."""
    return reduce(
        or_, (LEXICON[m.lastindex - 1][0] for m in _TOKEN.finditer(text) if m.lastindex), NOTHING
    )


def _strength(sentence: str, subjects: Subject, *, is_used: bool) -> float:
    """How surely a sentence lays down a rule, from 0 to 1."""
    known = is_used or bool(subjects & (HOSTS | TOPICS | S.ANSWER))
    told = sentence if _TOLD_YOU.search(sentence) else _TOLD.sub(" … ", sentence)
    lasting = bool(_LASTING.search(told))
    if not (lasting or known) or _NOT_ASKED.search(told):
        return 0.0
    if (_OWN.search(sentence) or _OWN_AIM.search(told)) and not _WISH.search(told):
        return 0.0
    if _PRAISE.search(told) and not is_used and not (lasting and _MUST.search(told)):
        return 0.0
    if told.rstrip("\"') ").endswith("?") and not (lasting and _ASKED_NICELY.search(told)):
        return 0.0
    directive = is_used or any(pattern.search(told) for pattern in _DIRECTIVES)
    if not directive and not (lasting and _OTHER_TONGUE.search(told)):
        return 0.0
    kind, choice = bool(_KIND.search(told)), is_used or bool(_CHOICE.search(told))
    placed = bool(subjects & HOSTS & ~S.FILE)
    once = bool(_ONCE.search(_LIBRARY.sub(" ", told)))
    evidence = 2.0 * lasting + kind + 1.5 * choice + 0.5 * known - 1.5 * once
    return min(1.0, 0.3 + 0.2 * evidence + 0.1 * placed) if evidence >= 1.0 else 0.0


def _parts(sentence: str) -> Iterator[tuple[Subject, tuple[str, ...], str]]:
    """The hosts, the topics with the slots of names, and the wording of each part of a rule."""
    for segment in _SEGMENT.split(sentence):
        found = _subjects_in(segment)
        named = found & (S.NAME | HOSTS) or "nam" in sentence or _QUOTED.search(segment)
        slots = [f"name.{slot}" for slot, pattern in _SLOTS if named and pattern.search(segment)]
        yield found, tuple(slots), segment


def _rules_in(sentence: str, before: Subject) -> Iterable[tuple[Subject, str]]:
    """The subjects and the key of every rule that a sentence lays down."""
    if _TALKED_OF.search(sentence):
        return [(S.OTHER, UNKNOWN)]
    core = _core(sentence)
    return list(_by_purpose(core)) or _by_subject(core, before)


def _by_subject(core: str, before: Subject) -> Iterator[tuple[Subject, str]]:
    """Those that the words for subjects tell."""
    parts = list(_parts(core))
    hosts = [found & HOSTS & ~S.FILE for found, _, _ in parts]
    topics = [found & TOPICS & ~FAINT for found, _, _ in parts]
    said = [bool(t or slots) for t, (_, slots, _) in zip(topics, parts, strict=True)]
    everything = reduce(or_, (found for found, _, _ in parts), NOTHING)
    seen: set[str] = set()

    def near(i: int, have: list[bool]) -> int | None:
        """The part that lends what part i lacks: the nearest before it, or else after it."""
        back, ahead = range(i, -1, -1), range(i + 1, len(have))
        # "for classes, start with K" looks ahead.
        order = [i, *ahead, *back] if _PLACE.match(parts[i][2]) else [*back, *ahead]
        return next((j for j in order if have[j]), None)

    placed = [bool(h) for h in hosts]
    for i, (found, _, _) in enumerate(parts):
        j, k = near(i, said), near(i, placed)
        if j is None or not (placed[i] or said[i]):
            continue
        _, slots, wording = parts[j]
        # "annotate functions and comment your code": the second half has a place of its own.
        own_place = said[i] and not placed[i] and found & S.CODE
        where = NOTHING if own_place or k is None else hosts[k]
        if not where and everything & S.FILE and slots:
            where = S.FILE
        if not where and (slots or _BACK.search(core)):
            where = before
        for host in where or (NOTHING,):
            place = host.name or "any"
            for slot in slots:
                key = f"{place}.{slot}".lower()
                if key not in seen:
                    seen.add(key)
                    yield host | S.NAME, key
            for topic in NOTHING if slots else topics[j]:
                value = _QUOTED.search(wording)
                suffix = f".{(value[1] or value[2]).lstrip('@')}" if value else ""
                key = f"{place}.{topic.name}{suffix}".lower()
                if key not in seen:
                    seen.add(key)
                    yield host | topic, key
    if seen:
        return
    where = everything & HOSTS or everything & S.ANSWER
    if everything & (HOSTS | FAINT) and _ANNOUNCED.search(core):
        return
    about = where or everything & (S.CODE | S.LANGUAGE) or S.OTHER
    yield about, (about.name or UNKNOWN).lower()


def _by_purpose(core: str) -> Iterator[tuple[Subject, str]]:
    """Those on what is used for what, where that is nothing that subjects name."""
    topics = {aim: _topic_of(aim) for aim in purposes.named(core, lasts=_lasts(core))}
    if all(topics.values()) or any(_subjects_in(aim) & FAINT for aim in topics):
        return
    if _subjects_in(core) & HOSTS & ~S.FILE:
        return
    for aim, topic in topics.items():
        if topic:
            yield topic, f"any.{topic.name}".lower()
        else:
            touched = S.TOOL if purposes.is_in_code(aim) else S.OTHER
            yield touched, f"{PURPOSE}{purposes.key(aim)}"


def _lasts(low: str) -> bool:
    return bool(_LASTING.search(low))


def _topic_of(aim: str) -> Subject:
    """The subject that the last word of an aim names: "the test database" is a database."""
    ends = [m for m in _TOKEN.finditer(aim) if m.end() == len(aim)]
    return LEXICON[ends[-1].lastindex - 1][0] if ends and ends[-1].lastindex else NOTHING


def _core(sentence: str) -> str:
    """The rule without its reason."""
    reason = _REASON.search(sentence)
    return sentence[: reason.start()] if reason and reason.start() > 20 else sentence


def recognise(text: str) -> tuple[Rule, ...]:
    """The standing rules that a text lays down, in order."""
    rules: list[Rule] = []
    before = NOTHING
    for sentence in _sentences(text):
        low = sentence.lower()
        subjects = _subjects_in(low)
        is_used = bool(purposes.named(low, lasts=_lasts(low)))
        strength = _strength(low, subjects, is_used=is_used)
        if strength:
            forbids = bool(_FORBIDS.search(low))
            rules += [
                Rule(sentence, about, key, strength, forbids)
                for about, key in _rules_in(low, before)
            ]
            if len(rules) >= MOST_RULES:
                break
        before = subjects & HOSTS & ~S.FILE or before
    return tuple(rules[:MOST_RULES])


# What work on each kind of thing touches: directly, and through what it brings with it.
REACH: tuple[tuple[Subject, Subject, Subject], ...] = (
    (
        S.CLASS,
        S.CLASS | S.METHOD | S.ATTRIBUTE | S.VARIABLE | ALL_CODE,
        S.ARGUMENT | S.CONSTANT | S.FUNCTION | S.FILE | AROUND_CODE,
    ),
    (
        S.METHOD,
        S.METHOD | S.ARGUMENT | S.VARIABLE | ALL_CODE,
        S.FUNCTION | S.ATTRIBUTE | S.CONSTANT | AROUND_CODE,
    ),
    (
        S.FUNCTION,
        S.FUNCTION | S.ARGUMENT | S.VARIABLE | ALL_CODE,
        S.CONSTANT | S.FILE | AROUND_CODE,
    ),
    (
        S.FILE | S.CODE | S.LANGUAGE | S.API | S.DATABASE | S.INTERFACE,
        S.FILE | S.FUNCTION | S.ARGUMENT | S.VARIABLE | S.CONSTANT | ALL_CODE,
        S.CLASS | S.METHOD | S.ATTRIBUTE | AROUND_CODE,
    ),
    (S.TEST, S.TEST | S.FUNCTION | S.VARIABLE | ALL_CODE, HOSTS | AROUND_CODE),
    # To touch one side of the code is to touch it wherever it occurs.
    (
        S.VARIABLE | S.ATTRIBUTE | S.ARGUMENT | S.CONSTANT | S.NAME | S.DOCSTRING | S.COMMENT
        | S.ANNOTATION | S.DECORATOR | S.ERROR | S.ASSERTION | S.IMPORT | S.FORMAT | S.LOGGING,
        NOTHING,
        HOSTS,
    ),
    (S.TOOL | S.COMMIT | S.DEPENDENCY | S.SECURITY | S.DEPLOYMENT | S.DOCUMENTATION, NOTHING,
     NOTHING),
)  # fmt: skip
NO_REQUEST = Request(NOTHING, NOTHING)
# Work that names nothing known may be any code: "implement merge sort", "fix the crash".
ANY_CODE = Request(NOTHING, HOSTS | ALL_CODE | AROUND_CODE)
ANY_NEW_CODE = Request(
    S.FUNCTION | S.ARGUMENT | S.VARIABLE | ALL_CODE,
    HOSTS | AROUND_CODE,
)
_CODING = re.compile(
    r"\b(?:bugs?|crash\w*|tracebacks?|algorithm\w*|sort\w*|pars\w+|script|app|application|"
    r"backend|server|cli|command|model|service|handler|widget|helper|utility|implement|refactor|"
    r"debug|loop|array|json|regex|cache|webhooks?|websockets?|middleware|"
    r"callbacks?)\b|[\w-]+\.(?:py|js|ts|tsx|rs|go|java|c|cpp|sh)\b"
)
# What is asked for stands before or behind what was pasted.
AT_THE_BEGINNING, AT_THE_END = 900, 500  # characters


@lru_cache(maxsize=256)
def _reach_of(head: Subject) -> Request:
    """What work on the things named touches."""
    direct = implied = NOTHING
    for subjects, directly, by_implication in REACH:
        if head & subjects:
            direct |= directly | head & subjects
            implied |= by_implication
    return Request(direct, implied & ~direct)


def subjects_of(request: str) -> Request:
    """What a request falls under; empty where no work on code is asked for."""
    if len(request) > AT_THE_BEGINNING + AT_THE_END:
        request = f"{request[:AT_THE_BEGINNING]}\n{request[-AT_THE_END:]}"
    low = _FENCE.sub("\n", request.translate(_STRAIGHT)).lower()
    asked = work.asked(low)
    if not asked:
        return NO_REQUEST
    said = _subjects_in(low) & ~S.ANSWER
    head = _subjects_in(asked.thing) & ~S.ANSWER
    if head & ~S.NAME:
        # A class or a test brings its own parts with it; a parser may be made of anything.
        is_any = asked.is_code and not head & (HOSTS | S.TEST)
    elif asked.is_code or (not said and _CODING.search(low)):
        head, is_any = NOTHING, True
    elif not said or work.is_writing(asked.thing):
        return NO_REQUEST
    else:
        head, is_any = said, bool(said & CODE_ITSELF) and not said & S.COMMIT
    if head & (S.CLASS | S.FUNCTION | S.METHOD) and head & FAINT:
        head &= ~FAINT
    reach = _reach_of(head)
    if is_any:
        any_code = ANY_NEW_CODE if asked.is_new else ANY_CODE
        reach = Request(reach.direct | any_code.direct, reach.implied | any_code.implied)
    return Request(reach.direct, (reach.implied | said) & ~reach.direct)


_HOST_BITS, _TOPIC_BITS, _ANSWER_BIT = int(HOSTS), int(TOPICS), int(S.ANSWER)
DIRECT, IMPLIED, GENERAL = 1.0, 0.5, 0.25
# What an overtaken rule keeps of its weight: it still comes before rules that are only implied.
OVERTAKEN = 0.6


def _within(rule: int, mask: int) -> bool:
    """Whether a rule's place and its topic both lie within a mask."""
    hosts, topics = rule & _HOST_BITS, rule & _TOPIC_BITS
    return (not hosts or hosts & mask != 0) and (not topics or topics & mask != 0)


def applies(subjects: int, request: Request) -> float:
    """How strongly a rule bears on a request: directly, by implication, as on any work, or not."""
    about = int(subjects)
    direct, implied = int(request.direct), int(request.implied)
    if about & (_HOST_BITS | _TOPIC_BITS):
        if _within(about, direct):
            return DIRECT
        if _within(about, direct | implied):
            return IMPLIED
    elif about & _ANSWER_BIT:
        return GENERAL
    return 0.0


def replaces(newer: Rule, older: Rule) -> bool:
    """Whether the newer rule stands in place of the older; two that may both hold, both stay."""
    return _verdict(newer, older) is Verdict.GIVES_WAY


def overtakes(newer: Rule, older: Rule) -> bool:
    """Whether the newer rule governs the same side of the same thing, and so comes first."""
    if newer.key == older.key:
        return _verdict(newer, older) is Verdict.COMES_BEHIND
    return family(newer.key) == family(older.key) != newer.key


def _verdict(newer: Rule, older: Rule) -> Verdict:
    if newer.key != older.key:
        return Verdict.STAYS
    new, old = rivals.read(_core(newer.text)), rivals.read(_core(older.text))
    if newer.key == UNKNOWN:
        # What it is about nobody knows, so only another number makes it another version.
        return Verdict.GIVES_WAY if rivals.is_another_measure(new, old) else Verdict.STAYS
    if newer.key.startswith(PURPOSE):
        return rivals.compare_means(new, old)
    return (rivals.compare_shapes if ".name." in newer.key else rivals.compare)(new, old)


def family(key: str) -> str:
    """A key without the value; a name has several shapes at once, so its key is left whole."""
    return key if ".name." in key else ".".join(key.split(".")[:2])
