"""Recognise a request to forget, and tell what it means and how far it reaches.

To delete what was meant to stay is far worse than to keep what was meant to go. So a request
reaches as far as it is clear, and what is only left aside ("forget the tests, just …") is neither
deleted nor learned.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from recall import words
from recall.forms import any_of, compiled
from recall.passages import without_marker
from recall.records import Kind
from recall.statements import POINTERS, SAYS, STATES


class Reach(NamedTuple):
    """What a request to forget may delete, which depends on how clear it is."""

    kinds: frozenset[Kind]
    words: int  # at least so many must carry meaning, where notes and rules are concerned
    is_plain: bool = False  # also if something else is to be done instead


_ALL = frozenset(Kind)
TOLD = Reach(_ALL, 1, is_plain=True)  # "what I told you about the port", "the rule that …"
STATED = Reach(_ALL, 1)  # "that we use bun"
# "Don't remember that …", which may also mean "I don't"; or a clause that is cut short.
DOUBTFUL = Reach(_ALL, 2)
OWNED = Reach(_ALL - {Kind.RULE}, 1)  # "my phone number", "all you know about Acme"
NAMED = Reach(_ALL - {Kind.RULE}, 2)  # "Anna's salary"
LOOSE = Reach(frozenset({Kind.NOTE}), 2)  # "about the nightly build": perhaps only an idiom


@dataclass(frozen=True, slots=True)
class Forget:
    """Something that must not be known any longer; said in passing, it is about nothing."""

    about: str
    said: tuple[str, ...]
    reach: Reach = STATED

    def means(self, text: str, kind: Kind = Kind.PASSAGE) -> bool:
        """Whether every word that carries meaning in the request occurs in a memory's text.

        A single word is enough only for what is kept on request: "forget about the database" must
        not take everything that mentions one.
        """
        if kind not in self.reach.kinds or _meaning(self.about) < self.reach.words:
            return False
        sought, said = _sought(self.about), _said(text)
        if sum(len(spellings[0]) for spellings in sought) < (1 if kind in _ON_REQUEST else 2):
            return False
        if not all(any(spelling <= said for spelling in spellings) for spellings in sought):
            return False
        # "My birthday" is not Anna's.
        return not _MINE.match(self.about) or _OF_THE_USER.search(text) is not None


_ON_REQUEST = (Kind.RULE, Kind.NOTE)
_MINE = compiled(r"(?:my|mein(?:e[nrms]?)?|mon|ma|mes|mis?)\s|私の|僕の|俺の|我的")
_OF_THE_USER = compiled(
    r"(?<!\w)(?:i|i'm|i've|me|my|mine|you|your|yours|user|user's|ich|mir|mich|mein\w*|du|dein\w*|ihr\w*|je|j'\w+|mon|ma|mes"
    r"|ton|ta|tes|votre|yo|mis?|tus?|me|soy|tengo)(?!\w)|私|僕|俺|我|あなた|你"
)


@lru_cache(maxsize=256)
def _sought(about: str) -> tuple[tuple[frozenset[int], ...], ...]:
    """The words that carry meaning, as the numbers under which a text is indexed.

    One by one, so that no pair of neighbours is among them. Where a word has parts, as
    "left-handed" has, these are another way to spell it.
    """
    return tuple(
        (frozenset(words.index_terms(word)), _terms(" / ".join(_WORD.findall(word))))
        for word in words.asked(about)
        if word.casefold() not in _LITTLE
    )


def _terms(parts: str) -> frozenset[int]:
    return frozenset(term for part in words.asked(parts) for term in words.index_terms(part))


@lru_cache(maxsize=256)
def _meaning(about: str) -> int:
    """How many words carry meaning."""
    found = words.asked(_PARTICLES.sub(" ", about))
    return len({folded for word in found if (folded := word.casefold()) not in _LITTLE})


@lru_cache(maxsize=8)
def _said(text: str) -> frozenset[int]:
    return frozenset(words.index_terms(text))


_WORD = re.compile(r"\w+")
# Chinese and Japanese put no spaces between words; these stand between two of them.
_PARTICLES = re.compile(r"(?<=[\u3040-\u9fff])[のはがをにでと的和](?=[\u3040-\u9fff])")
# What carries no meaning besides what a search leaves out anyway.
_LITTLE_WORDS = """
    ever anymore any longer mehr
    au aux avons ai ce cette d dans de du elle en est et il j je l la le les ma mes mon nos notre
    nous on ou par pour qu que sa ses son sont sur ta tes ton tu un une votre vos vous y
    al con del el ella es esta lo los las mi mis nuestra nuestro o para por se su sus tus
    una unos unas yo"""
_LITTLE = frozenset(_LITTLE_WORDS.split())


# The request.


def what_to_forget(sentence: str, plain: str, begins: int, *, pleads: bool) -> Forget | None:
    """What one sentence asks to forget; about nothing, where that is not clear.

    `plain` is the sentence with apostrophes of one kind. It may say "please" and the like before
    the place where the request begins.
    """
    found = _verb(plain, begins, pleads)
    if found is None:
        return None
    verb, reach, start = found
    reach, start = _object(plain, start) or (reach, start)
    if reach is None or (verb is _ERASE and reach is LOOSE):
        return Forget("", (_aside(sentence, plain, start),)) if verb in _ONLY_FORGETTING else None
    cut = _CLAUSE.search(plain, start)
    end = cut.start() if cut else len(plain)
    is_denied = verb is _DONT_REMEMBER and not pleads and not _NO_MORE.search(plain)
    if is_denied or (reach is STATED and plain.startswith(",", end)):
        reach = DOUBTFUL
    about = sentence[start:end].strip(" \t\n.,;:!?。！？\"'»«“”*_")
    if (
        len(about) < 2
        or about.casefold() in POINTERS
        or _PASSING.search(plain)
        or _TALK.fullmatch(plain, start, end)
        or (reach in (OWNED, NAMED, LOOSE) and _WORK.search(plain, start, end))
        or (not reach.is_plain and (_INSTEAD.match(plain, end) or _LETS.search(plain[:begins])))
    ):
        return Forget("", (_aside(sentence, plain, start),))
    return Forget(about, (_up_to(sentence, plain, _NEWS, end),), reach)


def _verb(
    plain: str, begins: int, pleads: bool
) -> tuple[re.Pattern[str], Reach | None, int] | None:
    """The verb that asks to forget, how clear it is by itself, and where it ends."""
    for verb, reach in _FORGETTING:
        if (match := verb.match(plain, begins)) and (pleads or verb is not _FORGET_LAST):
            return verb, reach, match.end()
    return None


def _object(plain: str, begins: int) -> tuple[Reach, int] | None:
    """How clear it is what shall be forgotten, and where that begins."""
    for reach, pattern in _OBJECTS:
        if match := pattern.match(plain, begins):
            return reach, match.end()
    return None


def _aside(sentence: str, plain: str, start: int) -> str:
    """What is left aside for now: not what is told behind it."""
    return _up_to(sentence, plain, _NEWS_OR_FACT, start)


def _up_to(sentence: str, plain: str, news: re.Pattern[str], start: int) -> str:
    """The sentence as far as something begins that stands for itself."""
    later = news.search(plain, start)
    return sentence[: later.end()] if later else sentence


def unwanted(sentence: str, items: Iterable[str]) -> list[Forget]:
    """The items of a list that a sentence wants forgotten, if it announces one."""
    if not _THESE.search(sentence):
        return []
    return [
        Forget(about, (item,))
        for item in items
        if len(about := without_marker(item).strip(" .,;")) > 1
    ]


# To forget: a verb, then what is meant by it. A row for each language.
_OBLIVION = r"(?:from|out\s+of)\s+(?:your|the|my)?\s*memor(?:y|ies)"
_FORGET_VERB = compiled(
    any_of(
        r"(?:forget|unlearn|disregard)(?![\w-])(?!\s+(?:gates?|bias(?:es)?|factors?|rates?)\b)"
        r"(?:\s+(?:please|also))*",
        r"(?:vergiss|vergesst|vergessen|vergisst)(?!\w)(?:\s+sie\b)?"
        r"(?!(?:[^,:;.]*\s)?(?:nicht|nie|niemals)\b)(?:\s+(?:bitte|mal|einfach|doch|jetzt|wieder|auch))*",
        r"(?:oublie[sz]?|oublier)(?!\w)(?!\s+pas\b)(?:\s+(?:donc|aussi))*",
        r"(?:olvida(?:te\s+de|r)?|olv[ií]d(?:ate|ese)\s+de|olvide|olvides|olvidad)(?!\w)(?:\s+también)*",
    )
)
# "Bitte meine Telefonnummer vergessen."
_FORGET_LAST = compiled(
    r"(?!.*\b(?:nicht|nie|niemals)\b)(?=.{3,200}?\s(?:wieder\s+)?(?:vergessen|vergisst)[\s.!?]*$)"
)
# "What I said about the port: forget it."
_FORGET_THAT = compiled(
    r"(?=(?:what|everything|anything|all|was|alles)\s.{3,200}?[,:;–—-]\s*(?:(?:please|bitte)\s+)?"
    r"(?:forget|vergiss)\s+(?:it|that|all\s+that|about\s+it|das|es|bitte)[\s.!?]*$)"
)
_FORGET_WRITTEN = compiled(
    r"(?=.{2,200}?(?:ことを|のことは|を|は|のこと)忘れて(?:ください|下さい|ね|くれ)?[。！!.\s]*$)"
    r"|(?:忘掉|忘记|忘記|忘了)(?!我了)"
)
_DELETE = r"(?:delete|remove|erase|drop|wipe|clear|purge|scrub)"
_LOESCHE = r"(?:lösch(?:e|t|en)?|entfern(?:e|t|en)?|streich(?:e|t)?)(?:\s+bitte)?"
_ERASE_OURS = compiled(
    any_of(
        rf"{_DELETE}\s+from\s+your\s+memor(?:y|ies)\s*[,:]?",
        rf"{_DELETE}(?=.{{2,300}}?\s(?:from|out\s+of)\s+your\s+memor(?:y|ies)\b)",
        rf"{_LOESCHE}\s+aus\s+(?:deinem|ihrem)\s+(?:gedächtnis|speicher)\s*,?",
        rf"{_LOESCHE}(?=.{{2,300}}?\saus\s+(?:deinem|ihrem|dem)\s+gedächtnis\b)",
        r"(?:supprime[rz]?|efface[rz]?|enlève|retire[rz]?)(?=.{2,300}?\sde\s+(?:ta|votre)\s+mémoire\b)",
        r"(?:borra|borre|elimina|elimine|quita)r?(?=.{2,300}?\sde\s+(?:tu|su)\s+memoria\b)",
    )
)
# Programs have a memory, too: what is to be deleted must be something that the user has told.
_ERASE = compiled(
    rf"{_DELETE}\s+from\s+(?:the\s+)?memory\s*[,:]?|{_DELETE}(?=.{{2,300}}?\s{_OBLIVION})"
    r"|(?:delete|remove|erase|drop|lösche|entferne)(?=\s+(?:the|my|our|that|this|die|meine|diese)\s+"
    r"(?:rule|convention|preference|note|decision|memory|regel|notiz|vorliebe)\s)(?!.*\sfrom\s)"
    rf"|{_DELETE}(?=\s+(?:(?:all|any|every|your)\s+(?:your\s+)?memor(?:y|ies)\s+(?:of|about)\s"
    r"|(?:what|everything|all|anything)\s+(?:that\s+)?(?:i|we)(?:'ve|\s+have)?\s+(?:told|said|mentioned)\b))"
    r"|never\s+mind(?=\s+(?:what|everything|anything)\b)"
)
_STOP_REMEMBERING = compiled(
    r"(?:stop|quit)\s+remembering(?:\s+that(?=\s+\w))?|forget\s*[:：](?=\s*\S)"
    r"|(?:forget|unlearn)\s+(?:this|the\s+following)\s*[:：](?=\s*\S)|vergiss\s*[:：](?=\s*\S)"
)
_DONT_REMEMBER = compiled(
    rf"(?:don't|do\s+not|never)\s+remember\s+(?:that\s+(?={SAYS})|(?={STATES}|(?:we|i|our|my)\s))"
    r"|merk(?:e)?\s+dir\s+nicht(?:\s+(?:mehr|länger))?\s*,\s*dass\s"
)
_FORGETTING: tuple[tuple[re.Pattern[str], Reach | None], ...] = (
    (_STOP_REMEMBERING, STATED),
    (_ERASE_OURS, TOLD),
    (_ERASE, None),
    (_DONT_REMEMBER, STATED),
    (_FORGET_VERB, None),
    (_FORGET_WRITTEN, LOOSE),
    (_FORGET_LAST, None),
    (_FORGET_THAT, None),
)
# These ask for nothing else, even where it is not clear what is meant.
_ONLY_FORGETTING = (_FORGET_VERB, _FORGET_WRITTEN, _FORGET_LAST, _FORGET_THAT)

_TELLING = (
    r"(?:said|told|wrote|mentioned|asked\s+you\s+to\s+(?:remember|save|note)|noted|shared|taught)"
)
_RULES = (
    r"(?:rules?|conventions?|preferences?|notes?|decisions?|memor(?:y|ies)|facts?|guidelines?"
    r"|polic(?:y|ies))"
)
_GESAGT = (
    r"(?:gesagt|erzählt|geschrieben|erwähnt|mitgeteilt|beigebracht|verraten|berichtet|erklärt|gelernt"
    r"|gespeichert|notiert|gemerkt)"
)
_UEBER = r"(?:über|zu|zum|zur|von|vom|bezüglich|wegen|betreffs?)"
_SUR = r"(?:sur|concernant|(?:(?:à\s+propos|au\s+sujet)\s+)?d(?:e\s|u\s|es\s|'))"
_SOBRE = r"(?:sobre|acerca\s+del?|respecto\s+al?|del?)"
_NOBODY = r"(?:it|that|what|let|there|here|who|he|she)'s"
_WHAT_WAS_TOLD = any_of(
    r"(?:all\s+)?(?:about\s+|of\s+)?(?:what(?:ever)?|everything|anything|all|that\s+which"
    r"|the\s+(?:things?|stuff))\s+(?:(?:that|which)\s+)?(?:i|we)(?:'ve|'d|\s+have|\s+had)?\s+"
    rf"(?:(?:ever|just|once|already|earlier|previously|also)\s+)*{_TELLING}(?:\s+(?:to\s+)?you)?"
    r"(?:\s+(?:earlier|before|yesterday|once|down|above))*\s+(?:about|on|regarding|concerning|of)\s+",
    rf"(?!the\s+fact\s)(?:all\s+)?(?:the|my|our|that|this|your|any|all(?:\s+(?:the|your))?)\s+(?:old\s+)?{_RULES}\s*,?\s+"
    r"(?:about|that|on|to|for|regarding|concerning|of|saying(?:\s+that)?|which\s+says(?:\s+that)?)\s+",
    r",?\s*(?:alles\s*,?\s*|all\s+das\s*,?\s*|das\s*,?\s*)?was\s+(?:ich|wir)\s+"
    r"(?:(?:dir|euch|ihnen|vorhin|gestern|früher|einmal|je|mal|eben|alles|so)\s+)*"
    rf"(?:{_GESAGT}\s+(?:habe|hatte|haben)\s+)?{_UEBER}\s+",
    r"(?:die|meine|unsere|diese|deine|alle)\s+(?:\w+e\s+)?"
    r"(?:regel|notiz|vorliebe|entscheidung|konvention|vorgabe|erinnerung|tatsache)(?:en)?\s*,?\s+"
    rf"(?:mit|für|dass|{_UEBER})\s+",
    r"(?:tout\s+)?ce\s+qu(?:e\s+|')(?:j'(?:ai|avais)|je\s+(?:t'|vous\s+)(?:ai|avais)|nous\s+avons"
    r"|on\s+a|on\s+t'a|tu\s+sais|vous\s+savez)\s+"
    rf"(?:(?:dit|raconté|écrit|appris|expliqué|mentionné|confié)\s+)?{_SUR}\s*",
    rf"(?:la|cette|ma|notre)\s+(?:règle|note|préférence|décision|convention)\s+(?:que\s|qu'|{_SUR})\s*",
    r"(?:todo\s+)?lo\s+que\s+(?:(?:yo|te|os|le)\s+)*(?:dije|conté|escribí|mencioné|expliqué|sabes"
    rf"|(?:he|había|hemos)\s+(?:dicho|contado|escrito|mencionado|explicado))\s+{_SOBRE}\s+",
    rf"(?:la|esta|esa|mi|nuestra)\s+(?:regla|nota|preferencia|decisión|norma)\s+(?:que|{_SOBRE})\s+",
    r"(?:所有|一切)?我们?(?:之前|刚才)?(?:跟你|对你|和你)?(?:说|說|告诉你|讲)(?:过|過)?的?(?:关于|關於)?",
)
_WHAT_IS_STATED = any_of(
    rf"(?:the\s+fact\s+)?that\s+(?={SAYS})|the\s+fact\s+that\s+",
    rf"(?=(?:i|we|i'm|i've|we're|we've)\s+\S)|(?!{_RULES})(?={STATES})",
    r",?\s*dass\s+|que\s+|qu'|(?=我)(?!我们?的)|(?=.+(?<!の)ことを忘れて)",
)
_WHAT_IS_OWNED = any_of(
    r"(?:about\s+)?(?=my\s+\w)|(?=mein(?:e[nrms]?)?\s+\w)|(?=(?:mon|ma|mes)\s+\w)|(?=mis?\s+\w)",
    r"(?:about\s+)?(?:everything|anything|what(?:ever)?|all)\s+(?:that\s+)?you(?:'ve|\s+have)?\s+"
    r"(?:(?:ever|already)\s+)*(?:know|knew|learned|learnt|remember(?:ed)?|stored|saved|noted)\s+"
    r"(?:about|on|of|regarding|concerning)\s+",
    rf",?\s*(?:alles\s*,?\s*|das\s*,?\s*)?was\s+du\s+(?:(?:alles|noch)\s+)*{_UEBER}\s+",
    r"(?:everything|anything|whatever)\s+(?:about|on|regarding|concerning)\s+(?!(?:it|that|this)\b)",
    rf"alles\s+{_UEBER}\s+|tout\s+(?:sur|à\s+propos\s+de)\s+|todo\s+(?:sobre|acerca\s+de)\s+",
    r"(?:关于|關於)|(?=(?:私|僕|俺)の)|(?=我的)",
)
_WHAT_IS_NAMED = any_of(
    rf"(?:about\s+)?(?!{_NOBODY})(?=(?-i:[A-ZÄÖÜ])[\w-]*(?:'s|s')\s+\w)",
    r"(?=(?-i:[A-ZÄÖÜ])[\w-]+(?:s|')\s+(?-i:[A-ZÄÖÜ])\w)",
    r"(?=(?:(?:das|den|die)\s+)\w+\s+von\s+(?-i:[A-ZÄÖÜ])\w)",
    r"(?=(?:l[ae]\s+|les\s+|l')\w+(?:\s+de\s+\w+)?\s+(?:d'|de\s+)(?-i:[A-ZÀÉÈ])\w)",
    r"(?=(?:el|la|los|las)\s+\w+(?:\s+de\s+\w+)?\s+de\s+(?-i:[A-ZÁÉ])\w)",
)
_WHAT_IS_LOOSE = any_of(
    r"(?:all\s+)?about\s+(?!(?:it|that|this|them|those|these)\b)|das\s+(?:mit|über|zu)\s+",
    rf"(?=(?:the\s+)?(?:[\w-]+\s+){{0,3}}?(?!{_NOBODY})[\w-]+(?:'s|s')\s+\w)|(?=our\s+\w)",
    r"(?=unser(?:e[nrms]?)?\s+\w)|(?=(?:notre|nos)\s+\w)|(?=nuestr[oa]s?\s+\w)",
)
_OBJECTS = (
    (TOLD, compiled(r"\s*" + _WHAT_WAS_TOLD)),
    (STATED, compiled(r"\s*" + _WHAT_IS_STATED)),
    (OWNED, compiled(r"\s*" + _WHAT_IS_OWNED)),
    (NAMED, compiled(r"\s*" + _WHAT_IS_NAMED)),
    (LOOSE, compiled(r"\s*" + _WHAT_IS_LOOSE)),
)

# Where what is to be forgotten ends and something else begins.
_CLAUSE = compiled(
    r"\s*(?:[;—]|\s[–-]\s|,\s*(?:just|instead|we|i|i've|i'm|it|it's|let's|but|because|since|please|and|that|which"
    r"|only|simply|use|always|never|from|don't|do|give|write|make|focus|go|then|so|ok(?:ay)?|thanks|thank|he|she"
    r"|they|there|this|those|you|sondern|wir|ich|das|die|der|den|denn|weil|er|es|sie|nur|einfach|stattdessen|mach|gib|schreib|nimm|danke"
    r"|ab|immer|und|mais|on|nous|je|juste|utilise|donne|fais|merci|pero|ahora|ya|solo|sólo|usa|dame|gracias)\b"
    rf"|,?\s+and\s+(?:also|then|please|instead|just|now|tell|give|show|use|write|let's|remember|don't)\b"
    rf"|,?\s+(?:{_GESAGT}\s+(?:habe|hatte|haben|hast)|wei(?:ß|ss)t|vergessen|vergisst)\b"
    r"|[,:;–—-]\s*(?:(?:please|bitte)\s+)?(?:forget|vergiss)\s+(?:it|that|all\s+that|about|das|es|bitte)\b"
    rf"|\s+{_OBLIVION}|\s+aus\s+(?:deinem|ihrem|dem)\s+gedächtnis\b|\s+de\s+(?:ta|votre)\s+mémoire\b"
    r"|\s+de\s+(?:tu|su)\s+memoria\b|\s+(?:anymore|any\s+more|any\s+longer|no\s+more|instead)\b"
    r"|\s+(?:for|in|of)\s+(?:this|our|my)\s+(?:project|repo(?:sitory)?|codebase|app)\b[\s.!?]*$"
    r"|(?:,?\s+(?:please|bitte|wieder|thanks|thank\s+you|danke|merci|s'il\s+(?:te|vous)\s+pla[iî]t|gracias|por\s+favor))*"
    r"[\s.!?]*$"
    r"|(?:について.{0,12})?(?:という)?(?:ことを|のことは|のこと|を|は)忘れて|的(?:事情?|内容|信息)[。！!.\s]*$"
    r"|[，、,](?:直接|只|先|就|现在|用))"
)
# Said in passing: only for the moment, or a turn of phrase.
_PASSING = compiled(
    r"\b(?:for\s+now|for\s+the\s+(?:moment|time\s+being)|at\s+the\s+moment|right\s+now|for\s+a\s+(?:second|moment|minute|sec)"
    r"|(?:just\s+)?this\s+(?:time|once)|for\s+(?:today|once)\b"
    r"|for\s+this(?:\s+(?:one|task|file|pr|request|session|function|case|change|commit|branch|issue|ticket))?\s*"
    r"(?=[,.;!?]|$)|until\s+(?:later|then|tomorrow)"
    r"|(?:here|today|yet|later)\s*[.!?]*$|in\s+this\s+(?:function|file|case|pr|one|commit|module|script)"
    r"|(?:previous|above|prior|earlier|last|all)\s+(?:\w+\s+)?(?:instructions?|prompts?|messages?|rules?)"
    r"|erst\s*mal|fürs\s+erste|vorerst|für\s+(?:den\s+moment|heute|jetzt|diese[nrs]?)|im\s+moment|momentan|diesmal"
    r"|dieses\s+mal|zunächst|vorläufig|pour\s+(?:l'instant|le\s+moment|cette\s+fois|aujourd'hui|ce(?:tte)?\s)"
    r"|por\s+(?:ahora|el\s+momento)|esta\s+vez|de\s+momento|para\s+est[ea])\b|暂时|暫時|这次|這次|今回は|とりあえず"
)
# It is to be done without something: "forget the tests, just give me the code".
_INSTEAD = compiled(
    r"\s*(?:[,;–—-]+\s*)?(?:(?:and|but|so|please|then|und|bitte|et|y)[\s,]+)*(?:just|only|instead|simply|let's|focus|give"
    r"|go|make|write|do|use|take|try|keep|we'll|we\s+(?:will|can)|i'll|i\s+(?:just|only)|i'd\s+rather|nur|einfach|stattdessen|sondern|mach"
    r"|gib|schreib|wir\s+machen|ich\s+(?:will|brauche|möchte)|juste|simplement|seulement|plutôt|donne|fais|écris|solo"
    r"|sólo|simplemente|mejor|dame|haz|escribe)\b|\s*[，、,](?:直接|只|先|就)"
)
_LETS = compiled(r"(?<!\w)(?:let's|we\s+can)(?!\w)")
# Parts of the work that somebody may want to do without: "forget about the unit tests".
_WORK = compiled(
    r"\b(?:tests?|testing|coverage|lint(?:er|ing)?|format(?:ter|ting)|types?|typing|hints?|comments?|docs?"
    r"|documentation|docstrings?|readme|changelog|commits?|error\s+handling|exceptions?|logging|semicolons?"
    r"|indentation|styling|style|performance|speed|optimi[sz]ations?|compatibility|support|edge\s+cases?"
    r"|imports?|refactor\w*|clean-?up|animations?|validation|translations?|kommentare?|typen|doku\w*)\b"
    r"|^\s*(?:writ|runn|add|mak|us|do|fix|handl|support|updat|optimi[sz]|mock)ing\b|テスト"
)
# It speaks of the conversation, not of what is known: "forget I asked", "forget my last question".
_TALK = compiled(
    r"\s*(?:(?:i|we|you)(?:'ve|\s+have)?\s+(?:ever\s+|just\s+)?(?:asked|said|mentioned|told|brought|talked|spoke|wrote)\b"
    r"(?:\s+(?:you|it|that|this|up|about|anything|something|so|to))*|(?:ich|wir)\s+(?:das|es|etwas|dich|je|jemals)?\s*"
    r"(?:gesagt|gefragt|erwähnt)(?:\s+habe)?|j'ai\s+(?:demandé|dit)(?:\s+\w+)?|(?:he\s+)?(?:dije|dicho|preguntado)"
    r"|(?:my|our|the|meine[nr]?|mon|ma|mi)\s+(?:(?:last|previous|earlier|other|first|stupid|silly|letzte[nr]?|vorige[nr]?)\s+)*"
    r"(?:questions?|messages?|requests?|comments?|remarks?|prompts?|mistakes?|typos?|ideas?|points?|suggestions?"
    r"|examples?|answers?|approach|plan|proposal|draft|version|attempt|code|changes|design|discussion|conversation|frage|nachricht|idee|bemerkung|vorschlag|question|idée|pregunta|idea)"
    r"(?:\s+(?:above|before|from\s+before|dernière|última))?)\s*"
)
# "Forget these:", and a list.
_THESE = compiled(
    r"(?:forget|unlearn|vergiss|vergessen|oublie|olvida)\s.{0,30}?\b(?:this|these|following|those|folgendes|diese[s]?"
    r"|ceci|esto|siguiente)(?:\s+\w+){0,2}\s*[:：][*_\s]*$"
)
_NO_MORE = compiled(r"\b(?:anymore|any\s+more|any\s+longer|no\s+more|nicht\s+mehr)\b")
# What begins here is said anew, and stands for itself.
_BREAK = (
    r"(?:\s*(?:[,;:]|\s[–—-]|—)\s*(?:(?:and|but|so|because|as|und|denn|weil)\s+)?|\s(?:and|und)\s+)"
)
_DIRECTIVE = (
    r"(?:from\s+now\s+on|going\s+forward|always\s|never\s|remember\s|use\s|don't\s+forget\s|ab\s+(?:jetzt|sofort)"
    r"|immer\s|nie\s|merk\s+dir|désormais|à\s+partir\s+de|toujours\s|de\s+ahora\s+en|siempre\s"
    r"|(?:we|i|wir|ich)\s+(?:\S+\s+){1,8}?(?:now|instead|these\s+days|jetzt|stattdessen)\b)"
)
_NEWS = compiled(rf"{_BREAK}(?={_DIRECTIVE})")
_NEWS_OR_FACT = compiled(
    rf"{_BREAK}(?={_DIRECTIVE}|(?:we|our|wir|unser)\w*\s+(?!can\b|could\b|will\b|don't\b)\S+\s+\S"
    rf"|{STATES})"
)
