"""What the user explicitly asks the memory for, and what the user has decided or prefers.

Only the user's own words count: `prose` leaves out code, quotations and what was pasted in. All of
it is tables of phrases, a row for each language; what no row recognises clearly is no request.

To delete what was meant to stay is far worse than to keep what was meant to go. So a request to
forget reaches as far as it is clear, and what is only left aside ("forget the tests, just …") is
neither deleted nor learned.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from recall import words
from recall.passages import Piece, prose, sentences, without_marker
from recall.records import Kind

LOOKED_AT = 4_096  # characters at either end of a text in which `is_likely` looks
MOST = 50  # requests of one text
LONGEST = 2_000  # characters of one; what is longer was pasted in


@dataclass(frozen=True, slots=True)
class Remember:
    """Something to be kept, in the user's words."""

    text: str
    everywhere: bool  # for all of the user's projects
    said: tuple[str, ...]  # the sentences of the request, word for word


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

type Wish = Remember | Forget


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


def wishes(text: str) -> list[Wish]:
    """The explicit requests in what a user wrote, in order."""
    if not _mentions(text):
        return []
    pieces = prose(text)
    found: list[Wish] = []
    said_before = ""
    for number, piece in enumerate(pieces):
        for sentence in sentences(piece.text):
            wish = _wish(sentence, said_before) if len(sentence) <= LONGEST else None
            if isinstance(wish, Forget) and (rest := sentence.removeprefix(wish.said[0])):
                found.append(wish)
                wish = _wish(rest.strip(), "")
            following = pieces[number + 1 :]
            if isinstance(wish, Remember) and _announces(sentence):
                found.extend(_listed(wish, following))
            elif isinstance(wish, Forget) and _THESE.search(sentence):
                found += [wish, *_unwanted(following)]
            elif wish is not None:
                found.append(wish)
            said_before = sentence if len(sentence) <= LONGEST else ""
            if len(found) >= MOST:
                return found[:MOST]
    return found


def is_likely(text: str) -> bool:
    """A guess, in a time that does not grow with the text, whether it holds a request."""
    ends = (text,) if len(text) <= 2 * LOOKED_AT else (text[:LOOKED_AT], text[-LOOKED_AT:])
    return any(map(_mentions, ends))


def _mentions(text: str) -> bool:
    folded = " ".join(text.casefold().split())
    return any(part in folded for part in _MENTIONS)


def is_for_everywhere(sentence: str) -> bool:
    """Whether a sentence speaks of all of the user's projects."""
    return _EVERYWHERE.search(sentence) is not None


def hands_over(question: str) -> bool:
    """Whether a question tells what is to be kept: "can you note that …?"."""
    return _HANDS_OVER.search(question.replace("’", "'")) is not None


def stance(passage: str) -> Kind | None:
    """Whether a user's passage tells a decision or a preference."""
    passage = passage.replace("’", "'")
    for kind, pattern in _STANCES:
        for match in pattern.finditer(passage):
            sentence = _sentence_at(passage, match.start())
            if not sentence.rstrip("\"')*_ ").endswith(("?", "？", "؟")):
                return kind
    return None


def _sentence_at(passage: str, place: int) -> str:
    """The sentence that begins at or before a place, as far as its end."""
    return sentences(passage[place:])[0]


# Requests.


def _wish(sentence: str, said_before: str) -> Wish | None:
    """The request that one sentence makes."""
    plain = sentence.replace("’", "'")  # as long as before: places stay the same
    lead = _POLITE.match(plain)
    begins = lead.end() if lead else 0
    asks = plain.rstrip("\"')*_ ").endswith(("?", "？", "؟"))
    if asks and not _ASKED_NICELY.search(plain[:begins]):
        return None
    if forget := _forget(sentence, plain, begins):
        return forget
    if _NOT_A_REQUEST.match(plain, begins):
        return None
    if match := _REMEMBER.match(plain, begins):
        return _remember(sentence, sentence[match.end() :], said_before)
    if match := _TO_MEMORY.match(plain, begins):
        return _remember(sentence, sentence[slice(*match.span(match.lastindex or 0))], said_before)
    if _PLEADS.search(plain[:begins]) and (match := _NOTE.match(plain, begins)):
        return _remember(sentence, sentence[match.end() :], said_before)
    if match := _REMEMBERED.search(plain, begins):
        return _remember(sentence, sentence[begins : match.start()], said_before)
    if match := _FOR_GOOD.match(sentence):
        return _remember(sentence, match[2], said_before)
    if asks:
        return None
    if _FROM_NOW_ON.match(plain, begins) or _FROM_NOW_ON_LAST.search(plain):
        return _remember(sentence, sentence[begins:], said_before)
    if _FOR_ALL_PROJECTS.match(plain, begins):
        return Remember(sentence[begins:].strip(), True, (sentence,))
    return None


def _remember(sentence: str, text: str, said_before: str) -> Remember | None:
    everywhere = is_for_everywhere(sentence)
    text = text.strip(" \t\n,;–—-?？").removeprefix("to ")
    plain = text.strip(" .!:：,").casefold()
    if _announces(sentence):
        return Remember("" if plain in _POINTERS else text, everywhere, (sentence,))
    said: tuple[str, ...] = (sentence,)
    if plain in _POINTERS:
        # "We deploy on Thursdays. Remember that."
        text, said = said_before.strip(), (said_before, sentence)
    if len(text.strip(" .!:")) < 4 or _EMPTY.match(plain):
        return None
    return Remember(text, everywhere, said)


def _announces(sentence: str) -> bool:
    """Whether what is meant follows the sentence."""
    return sentence.rstrip("*_ ").endswith((":", "："))


def _forget(sentence: str, plain: str, begins: int) -> Forget | None:
    """What is to be forgotten; about nothing, where that is not clear."""
    lead = plain[:begins]
    pleads = _PLEADS.search(lead) is not None
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
        or about.casefold() in _POINTERS
        or _PASSING.search(plain)
        or _TALK.fullmatch(plain, start, end)
        or (reach in (OWNED, NAMED, LOOSE) and _WORK.search(plain, start, end))
        or (not reach.is_plain and (_INSTEAD.match(plain, end) or _LETS.search(lead)))
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


def _listed(wish: Remember, following: list[Piece]) -> list[Remember]:
    """What a lead-in announces: the items of a list, or else the next paragraph."""
    items = [piece.text for piece in takewhile(lambda piece: piece.is_item, following)]
    if not items:
        items = [piece.text for piece in following[:1] if not piece.is_heading]
    items = [item for item in items if len(item) <= LONGEST]
    if wish.text and items and sum(map(len, items)) <= LONGEST:
        # "Remember that our servers are:" says what the items are, so they belong together.
        return [Remember("\n".join((wish.text, *items)), wish.everywhere, (*wish.said, *items))]
    return [
        Remember(without_marker(item), wish.everywhere, (*(() if number else wish.said), item))
        for number, item in enumerate(items)
    ]


def _unwanted(following: list[Piece]) -> list[Forget]:
    """What a lead-in wants forgotten: the items of a list."""
    items = (piece.text for piece in takewhile(lambda piece: piece.is_item, following))
    return [
        Forget(about, (item,))
        for item in items
        if len(item) <= LONGEST and len(about := without_marker(item).strip(" .,;")) > 1
    ]


def _any(*rows: str) -> str:
    return "(?:" + "|".join(row for row in rows if row) + ")"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# A cheap first look: without one of these there is no request. Plain parts of words, as looking
# for those is many times quicker than a pattern.
_MENTIONS = (
    *("remember", "forget", "unlearn", "disregard", "in mind", "memor", "note ", "note:", "record"),
    *(
        "never mind",
        "jot ",
        "write down",
        "down:",
        "this:",
        "following:",
        "store that",
        "save that",
    ),
    *("register that", "rule ", "rules ", "convention", "preference ", "decision "),
    *("now on", "here on", "point on", "moment on", "forward", "starting ", "henceforth"),
    *("project", "repo", "workspace", "codebase", "everywhere", "globally", "for future"),
    *("later reference", "merk", "notier", "vergiss", "vergess", "behalt", "denk", "speicher"),
    *("erinner", "gedächtnis", "regel", "vorliebe", "ab jetzt", "ab sofort", "ab nun", "ab heute"),
    *("nun an", "jetzt an", "künftig", "in zukunft", "projekt"),
    *("souv", "rappel", "retien", "reten", "notes", "mémo", "enregistr", "garde", "oubli", "règle"),
    *("notez", "noter", "désormais", "dorénavant", "partir de", "projet"),
    *("recu", "recor", "acu", "acord", "anot", "apunt", "guarda", "presente", "olvid", "olvíd"),
    *("regla", "adelante", "en cuenta", "proyecto"),
    *("覚え", "忘れ", "記憶", "今後", "これから", "プロジェクト", "记住", "記住", "记得", "記得"),
    *(
        "记一下",
        "忘掉",
        "忘记",
        "忘記",
        "忘了",
        "从现在",
        "從現在",
        "以后",
        "以後",
        "项目",
        "項目",
        "專案",
    ),
)

# What may stand before a request: politeness, an address, "I want you to".
_ASKING = _any(
    r"(?:can|could|will|would)\s+you(?:(?:\s+please|\s+just|\s+also|\s+kindly|\s+maybe)){0,2}",
    r"(?:kannst|könntest|würdest)\s+du(?:\s+(?:dir|bitte|auch|mal)){0,3}",
    r"(?:können|könnten|würden)\s+sie(?:\s+(?:sich|bitte|auch)){0,3}",
    r"(?:peux-tu|pourrais-tu|tu\s+peux|pouvez-vous|pourriez-vous)",
    r"(?:puedes|podr[ií]as?|puede)",
)
_POLITE = _compiled(
    r"[\s\"'*_(¿¡]*(?:(?:[-*•]|\d{1,2}[.)])\s+)?(?:(?:"
    + _any(
        r"please|pls|ok(?:ay)?|and|also|so|hey|hi|btw|by the way|oh|now|just|but|well|then|first"
        r"|finally|important(?:ly)?|note(?=:)|ps|p\.s\.|claude|codex|gemini|assistant|chatgpt|copilot",
        r"actually|sorry|hm+|um+|oops|wait|yes|yeah|yep|right|thanks|thank\s+you|alright|great|perfect"
        r"|cool|good|anyway|lastly|next|one\s+more\s+thing|in\s+fact|on\s+second\s+thought",
        r"(?:no|nope|nah|nein|non|never\s*mind|nvm)(?=\s*[,.;:!–—-])",
        _ASKING,
        r"(?:i\s+(?:want|need|would\s+like|'d\s+like)|i'd\s+like)\s+you\s+to",
        r"you\s+(?:should|must|can|may|need\s+to|have\s+to)|let's|do(?!\s+not\b)|make\s+sure\s+(?:to|you)",
        r"bitte|und|also|ach|ja|doch|aber|dann|gut|danke|moment|entschuldigung|eigentlich|übrigens",
        r"du\s+(?:sollst|kannst|darfst)(?:\s+dir)?"
        r"|ich\s+(?:möchte|will|hätte\s+gern)\s*,?\s*dass\s+du(?:\s+(?:dir|bitte)){0,2}",
        r"s'il\s+(?:te|vous)\s+pla[iî]t|et|stp|svp|merci|oui|bon|en\s+fait|finalement|attends"
        r"|je\s+(?:veux|voudrais)\s+que\s+(?:tu|vous)",
        r"por\s+favor|y|s[ií](?=\s*,)|gracias|bueno|vale|en\s+realidad|espera|quiero\s+que",
        r"请|請|麻烦|どうか",
    )
    + r")(?:[\s,:;.!–—-]+|(?<=[请請烦]))(?:[*_\"]+)?){0,6}"
)
_ASKED_NICELY = _compiled(_ASKING)
_PLEADS = _compiled(
    rf"(?<!\w)(?:please|pls|you\s+to|bitte|dass\s+du|du\s+(?:sollst|kannst|darfst)|{_ASKING})(?!\w)"
)
_LETS = _compiled(r"(?<!\w)(?:let's|we\s+can)(?!\w)")

# A statement without "that" in front of it: "the staging port is 8443". A second article, or a word
# that begins a clause, makes it something else: "the tab that is selected".
_IS = (
    r"(?:is|are|was|were|has|isn't|aren't|wasn't|must|should|can't|cannot|won't|doesn't|don't|needs?"
    r"|requires?|lives?|listens?|belongs?|expires?|costs?|runs?(?=\s+(?:on|in|at|every|with|under)\b)"
    r"|uses?(?!\s+of\b))(?![\w-])"
)
_NO_NOUN = (
    r"(?!(?:that|which|who|whom|whose|when|if|while|until|after|before|so|and|or|as|because|where"
    r"|whether|how|what|why|to|the|an?|we|i|you|he|she|it|they|me|us|him|her|them|is|are|not)(?!\w))"
)
_STATES = (
    rf"(?!(?:password|login|device|option|button|feature|token|cookie|state)s?\s+{_IS})"
    r"(?:(?:the|our|my|your|this|these|all|every)\s+)?"
    rf"{_NO_NOUN}[\w'./-]+(?:\s+(?:(?:of|for|in|on|at|to|from|with)\s+(?:(?:the|our|my)\s+)?)?"
    rf"{_NO_NOUN}[\w'./-]+){{0,6}}?\s+{_IS}\s+\S"
)
# The same behind "that", which may also point at something: "that failing test".
_POINTS = (
    r"(?:new|old|last|first|next|whole|other|previous|entire|one|just|silly|stupid|\w+ing|\w+ly)\s"
)
_SAYS = (
    r"(?:(?:i|we|you|he|she|it|they|there|nobody|everybody|everyone)(?:'\w+)?|my|our|your|his|her|its"
    r"|their|the|an?|all|every|each|no|some|most|this|these|both|only)\s+\S"
    r"|[\w'./-]+(?:\s+[\w'./-]+){0,5}?\s+(?:have|had|will|would|can|could|do|did|does|means?|works?"
    rf"|goes|happens?|{_IS})(?!\w)|(?!{_POINTS})[\w'-]+\s+\w{{2,}}(?:s|ed)\s+\S"
)

# The request itself; what follows it is what to remember. A row for each language.
_LINK = r"(?:\s*[:：,–—-]+\s*|\s+)"
_WHAT = (
    r"(?:\s*[:：–—]\s*|,\s*|\s+(?=(?:i|i'm|i've|i'd|we|we're|we've|my|our|never|always|not|to)\b))"
)
_REMEMBER = _compiled(
    _any(
        r"(?:always\s+)?remember\s+(?:(?:this|that|it|the\s+following)\s+)?(?:for\s+later|for\s+(?:all|every|each)"
        r"(?:\s+of)?(?:\s+my)?\s+(?:projects?|repos?\w*)|everywhere|globally|for\s+next\s+time)"
        r"(?:\s*[:：,–—-]+\s*|\s+that\s+|\s*$|\s*[.!]+$)",
        r"(?:always\s+)?remember(?:\s+(?:this|these|those|the\s+following(?:\s+\w+){0,4}))?"
        r"(?:\s*[:：–—]\s*|,\s*)",
        r"(?:always\s+)?remember\s+(?:that\s+|(?=(?:this|that|it)\s*[.!]*$))",
        rf"(?:always\s+)?remember{_WHAT}",
        rf"(?:always\s+)?remember\s+(?={_STATES})",
        rf"(?:keep|bear|have)\s+(?:(?:it|this|that)\s+)?in\s+mind(?:\s+that\b|(?=\s*[.!]*$)|{_WHAT}){_LINK}?",
        r"(?:don't|do\s+not|never)\s+(?:you\s+)?(?:ever\s+)?forget(?:\s+that\s+|\s+to\s+(?=\w)"
        r"|\s*[:：–—,]\s*|\s+(?=(?:i|i'm|we|we're|my|our)\b)|\s+(?=(?:this|that|it)\s*[.!]*$))",
        r"(?:make\s+a\s+|take\s+)?note\s+(?:for\s+(?:later|the\s+future|future\s+\w+)|to\s+(?:self|memory))"
        r"(?:\s+that\b)?" + _LINK,
        r"(?:make|take)\s+(?:a\s+)?(?:mental\s+)?note(?:\s+(?:that|of\s+this|of\s+that))?" + _LINK,
        r"(?:for\s+(?:future\s+reference|later\s+reference|the\s+record)|for\s+your\s+memory)"
        + _LINK,
        r"(?:save|store|add|put|commit|write|keep)\s+(?:this|that|it|the\s+following)\s+"
        r"(?:in|into|to)\s+(?:your\s+|the\s+)?memory(?:\s+that\s+|\s*[:：,–—.!-]+\s*|\s*$)",
        r"(?:save|store|add|put|commit|write|keep)\s+(?:in|into|to)\s+(?:your\s+|the\s+)?memory"
        r"(?:\s+that\s+|\s*[:：,–—]\s*)",
        r"update\s+your\s+memory(?:\s+(?:to\s+say\s+)?that\s+|\s*[:：]\s*)",
        r"(?:store|save|keep|record)\s+(?:this|the\s+following)\s*[:：]\s*(?=\S)",
        r"(?:note|jot|write)\s+(?:this\s+|it\s+)?down(?:\s+that\s+|\s*[:：]\s*(?=\S))",
        r"memori[sz]e(?:\s+(?:this|that))?(?:\s*[:：,–—]\s*|\s+that\s+|(?=\s*[.!]*$))",
        r"(?:(?:merk(?:e|t)?|notier(?:e|t)?|(?:merken|notieren)\s+sie)\s+(?:dir|euch|sich)"
        r"|notier(?:e|t)?|notieren\s+sie)(?:\s+(?:bitte|auch|das|folgendes|für\s+später))*"
        r"(?:\s*[:：,–—]\s*(?:bitte\s*[:,]?\s*)?(?:dass\s+)?|\s+dass\s+|\s*[.!]*$)",
        r"(?:(?:dir|euch|sich|bitte|auch|das|folgendes)\s+)*(?:merken|merkst|notieren|notierst)"
        r"(?:\s*,\s*dass\s+|\s+dass\s+|\s*[:：]\s*|(?<=das\smerken)\s*(?=[?.!]*$))",
        r"(?:denk(?:e|t)?|denken\s+sie|erinner(?:e|t)?\s+(?:dich|euch)|erinnern\s+sie\s+sich)"
        r"(?:\s+(?:bitte|immer|auch|stets))*\s+daran(?:\s*[:：,–—]\s*(?:dass\s+)?|\s+dass\s+)",
        r"behalt(?:e|et)?(?:\s+(?:bitte|auch))*\s+im\s+(?:kopf|hinterkopf|gedächtnis)"
        r"(?:\s*[:：,–—]\s*(?:dass\s+)?|\s+dass\s+)",
        r"(?:behalt(?:e|et)?|speicher(?:e|t)?|speichern\s+sie)"
        r"(?:\s+(?:dir|bitte|auch|in\s+(?:deinem|ihrem)\s+gedächtnis))*\s*,?\s+dass\s+",
        r"(?:speicher(?:e|t)?|behalt(?:e|et)?)(?:\s+bitte)?\s+(?:das|folgendes)\s*[:：]\s*(?=\S)",
        r"vergiss\s+(?:bitte\s+)?(?:nicht|nie)(?:\s*[:：,–—]\s*(?:dass\s+)?|\s+dass\s+)",
        r"(?:souviens-toi|souvenez-vous|rappelle-toi|rappelez-vous|retiens|retenez|retenir|retiennes"
        r"|(?:te|vous)\s+(?:souvenir|souviennes|rappeler|rappelles)|note|notes|notez|noter|mémorise[srz]?|mémorisez"
        r"|enregistre[rz]?|garde[rsz]?\s+(?:bien\s+)?(?:en\s+mémoire|à\s+l'esprit|en\s+tête))"
        r"(?:\s+bien)?(?:\s+(?:que\s+|qu')|\s*[:：]\s*)",
        r"(?:n'oublie[sz]?|oublie[sz]?)\s+pas(?:\s+(?:que\s+|qu'|de\s+)|\s*[:：]\s*)",
        r"(?:recuerda|recuerde|recuerdes|recordad|recordar|acu[eé]rdate\s+de|acordarte\s+de"
        r"|te\s+acuerdes\s+de|ten\s+(?:en\s+cuenta|presente)|memori(?:za|ce|zar)|anota|anote|apunta|apunte"
        r"|guarda(?:\s+en\s+(?:tu\s+|la\s+)?memoria)?|no\s+olvides|no\s+te\s+olvides\s+de)"
        r"(?:\s+que\s+|\s*[:：]\s*)",
        r"(?:记住|記住|记得|記得|记一下|不要忘记|不要忘了|别忘了|別忘了)[:：，,、]?\s*",
        r"(?:次のことを|以下を)?(?:覚えて|記憶して)(?:おいて)?(?:ください|下さい|ね)?[:：。、]\s*(?=\S)",
    )
)
# "Note that this test is slow" is also what documents say; so somebody must be asked for it.
_NOTE = _compiled(
    rf"(?:note|record|store|save|register)\s+(?:that\s+(?={_SAYS})|(?=(?:this|that)\s*[.!?]*$))"
    r"|(?:note|record)(?:\s+this)?\s*[:：]\s*(?=\S)"
)
_TO_MEMORY = _compiled(
    r"(?:save|store|add|put|commit|write|keep)\s+(?:that\s+|(?=.{4,300}?\s+your\s))(.{4,300}?)\s+"
    r"(?:in|into|to)\s+(?:your\s+|the\s+)?memory[\s.!?]*$"
    r"|(?:behalt(?:e|et)?|speicher(?:e|t)?)\s+(.{4,300}?)\s+in\s+deinem\s+gedächtnis[\s.!?]*$"
)
# A question that tells something, though no row above recognises it.
_HANDS_OVER = _compiled(
    rf"{_ASKING}\s[^?]{{0,60}}?\b(?:remember|note|memori[sz]e|record|track|(?:write|jot)\s+down"
    rf"|keep\s+in\s+mind)\b[^?]{{0,60}}?(?:\bthat\s+(?={_SAYS})|:\s*\S)"
)
# The request at the end: "we deploy on Thursdays, remember that".
_REMEMBERED = _compiled(
    r"(?:[,;–—-]\s*|\s+)(?:(?:and|so|but|please)[\s,]+)*"
    + _any(
        r"(?:remember|memori[sz]e|note)\s+(?:this|that|it)(?:\s+for\s+(?:later|next\s+time|the\s+future))?",
        r"(?:keep|bear)\s+(?:this|that|it)\s+in\s+mind|(?:don't|do\s+not|never)\s+forget\s+(?:this|that|it)",
        r"(?:bitte\s+)?merk(?:e)?\s+dir\s+das|vergiss\s+das\s+nicht",
        r"souviens-t'en|retiens(?:-le|\s+[cç]a)|ne\s+l'oublie\s+pas|recu[eé]rdalo|no\s+lo\s+olvides",
    )
    + r"(?:[\s,]+please|[\s,]+bitte|[\s,]+ok(?:ay)?)?[\s.!)\"'*_]*$"
)
# Where the verb comes last: "毎週木曜にデプロイすることを覚えておいて".
_FOR_GOOD = re.compile(
    r"()(.{4,}?)(?:という|って)?(?:ことを|のを|を|と|は)?(?:覚えて(?:おいて|いて)?|記憶して(?:おいて)?|忘れないで)"
    r"(?:ください|下さい|ね|くれ)?[。！!.\s]*$"
)
# It tells of remembering, or uses the word for something else.
_NOT_A_REQUEST = _compiled(
    r"remember\s*,?\s*(?:that\s+)?(?:when|how|what|where|who|why|whether|if|me\b|the\s+time|last|that\s+time"
    r"|us\b)|souviens-toi\s+quand|recuerda(?:s)?\s+cuando"
)

_FROM = _any(
    r"from\s+(?:now|here)\s+on(?:wards?)?|from\s+this\s+(?:point|moment)\s+(?:on|forward)|going\s+forward"
    r"|starting\s+(?:now|today)|henceforth",
    r"ab\s+(?:jetzt|sofort|nun|heute)|von\s+(?:nun|jetzt)\s+an|künftig|in\s+zukunft",
    r"à\s+partir\s+de\s+maintenant|dorénavant|désormais",
    r"a\s+partir\s+de\s+ahora|de\s+ahora\s+en\s+adelante",
)
_FROM_NOW_ON = _compiled(
    rf"{_FROM}(?!\w)|(?:今後は?|これからは|从现在(?:起|开始)|從現在(?:起|開始)|以后|以後)[，,、]?"
)
_FROM_NOW_ON_LAST = _compiled(
    rf"^[\s\"'*_-]*(?:please\s+|bitte\s+)?(?!i\b|it\b|the\b|this\b|that\b|he\b|she\b|they\b|there\b)\w.{{3,300}}?"
    rf"(?<!\w){_FROM}[\s.!)\"'*_]*$"
)

_PROJECTS = (
    r"(?:all|every|each|any)(?:\s+of)?(?:\s+(?:my|our|the))?(?:\s+(?:other|single))?\s+"
    r"(?:projects?|repos?|repositor(?:y|ies)|codebases?|workspaces?)"
)
_ALL_PROJECTS = _any(
    rf"(?:for|in|across|on|with|to)\s+{_PROJECTS}|across\s+(?:my\s+)?(?:projects|repos|repositories)",
    r"(?:für|in|bei)\s+(?:alle[ns]?|jede[ms]?)\s+(?:meine[nr]?\s+)?(?:projekte?n?|repos?)",
    r"(?:pour|dans)\s+(?:tous\s+mes|chacun\s+de\s+mes|chaque)\s+projets?",
    r"(?:para|en)\s+(?:todos\s+(?:mis|los)|cada)\s+(?:proyectos?)",
)
_FOR_ALL_PROJECTS = _compiled(rf"(?:{_ALL_PROJECTS}(?!\w)|(?:everywhere|globally)\s*[:,])")
_EVERYWHERE = _compiled(
    rf"(?<!\w){_ALL_PROJECTS}(?!\w)|^[\s\"'*_]*(?:(?:please|always)[\s,]+)*(?:everywhere|globally)\s*[:,]"
    r"|remember\s+(?:(?:this|that|it)\s+)?(?:everywhere|globally)\b"
    r"|(?:所有|每个|每個)(?:的)?(?:项目|項目|專案)|(?:すべて|全て|全部)のプロジェクト"
)

# To forget: a verb, then what is meant by it. A row for each language.
_OBLIVION = r"(?:from|out\s+of)\s+(?:your|the|my)?\s*memor(?:y|ies)"
_FORGET_VERB = _compiled(
    _any(
        r"(?:forget|unlearn|disregard)(?![\w-])(?!\s+(?:gates?|bias(?:es)?|factors?|rates?)\b)"
        r"(?:\s+(?:please|also))*",
        r"(?:vergiss|vergesst|vergessen|vergisst)(?!\w)(?:\s+sie\b)?"
        r"(?!(?:[^,:;.]*\s)?(?:nicht|nie|niemals)\b)(?:\s+(?:bitte|mal|einfach|doch|jetzt|wieder|auch))*",
        r"(?:oublie[sz]?|oublier)(?!\w)(?!\s+pas\b)(?:\s+(?:donc|aussi))*",
        r"(?:olvida(?:te\s+de|r)?|olv[ií]d(?:ate|ese)\s+de|olvide|olvides|olvidad)(?!\w)(?:\s+también)*",
    )
)
# "Bitte meine Telefonnummer vergessen."
_FORGET_LAST = _compiled(
    r"(?!.*\b(?:nicht|nie|niemals)\b)(?=.{3,200}?\s(?:wieder\s+)?(?:vergessen|vergisst)[\s.!?]*$)"
)
# "What I said about the port: forget it."
_FORGET_THAT = _compiled(
    r"(?=(?:what|everything|anything|all|was|alles)\s.{3,200}?[,:;–—-]\s*(?:(?:please|bitte)\s+)?"
    r"(?:forget|vergiss)\s+(?:it|that|all\s+that|about\s+it|das|es|bitte)[\s.!?]*$)"
)
_FORGET_WRITTEN = _compiled(
    r"(?=.{2,200}?(?:ことを|のことは|を|は|のこと)忘れて(?:ください|下さい|ね|くれ)?[。！!.\s]*$)"
    r"|(?:忘掉|忘记|忘記|忘了)(?!我了)"
)
_DELETE = r"(?:delete|remove|erase|drop|wipe|clear|purge|scrub)"
_LOESCHE = r"(?:lösch(?:e|t|en)?|entfern(?:e|t|en)?|streich(?:e|t)?)(?:\s+bitte)?"
_ERASE_OURS = _compiled(
    _any(
        rf"{_DELETE}\s+from\s+your\s+memor(?:y|ies)\s*[,:]?",
        rf"{_DELETE}(?=.{{2,300}}?\s(?:from|out\s+of)\s+your\s+memor(?:y|ies)\b)",
        rf"{_LOESCHE}\s+aus\s+(?:deinem|ihrem)\s+(?:gedächtnis|speicher)\s*,?",
        rf"{_LOESCHE}(?=.{{2,300}}?\saus\s+(?:deinem|ihrem|dem)\s+gedächtnis\b)",
        r"(?:supprime[rz]?|efface[rz]?|enlève|retire[rz]?)(?=.{2,300}?\sde\s+(?:ta|votre)\s+mémoire\b)",
        r"(?:borra|borre|elimina|elimine|quita)r?(?=.{2,300}?\sde\s+(?:tu|su)\s+memoria\b)",
    )
)
# Programs have a memory, too: what is to be deleted must be something that the user has told.
_ERASE = _compiled(
    rf"{_DELETE}\s+from\s+(?:the\s+)?memory\s*[,:]?|{_DELETE}(?=.{{2,300}}?\s{_OBLIVION})"
    r"|(?:delete|remove|erase|drop|lösche|entferne)(?=\s+(?:the|my|our|that|this|die|meine|diese)\s+"
    r"(?:rule|convention|preference|note|decision|memory|regel|notiz|vorliebe)\s)(?!.*\sfrom\s)"
    rf"|{_DELETE}(?=\s+(?:(?:all|any|every|your)\s+(?:your\s+)?memor(?:y|ies)\s+(?:of|about)\s"
    r"|(?:what|everything|all|anything)\s+(?:that\s+)?(?:i|we)(?:'ve|\s+have)?\s+(?:told|said|mentioned)\b))"
    r"|never\s+mind(?=\s+(?:what|everything|anything)\b)"
)
_STOP_REMEMBERING = _compiled(
    r"(?:stop|quit)\s+remembering(?:\s+that(?=\s+\w))?|forget\s*[:：](?=\s*\S)"
    r"|(?:forget|unlearn)\s+(?:this|the\s+following)\s*[:：](?=\s*\S)|vergiss\s*[:：](?=\s*\S)"
)
_DONT_REMEMBER = _compiled(
    rf"(?:don't|do\s+not|never)\s+remember\s+(?:that\s+(?={_SAYS})|(?={_STATES}|(?:we|i|our|my)\s))"
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
_OBJECTS = (
    (
        TOLD,
        _compiled(
            r"\s*"
            + _any(
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
        ),
    ),
    (
        STATED,
        _compiled(
            r"\s*"
            + _any(
                rf"(?:the\s+fact\s+)?that\s+(?={_SAYS})|the\s+fact\s+that\s+",
                rf"(?=(?:i|we|i'm|i've|we're|we've)\s+\S)|(?!{_RULES})(?={_STATES})",
                r",?\s*dass\s+|que\s+|qu'|(?=我)(?!我们?的)|(?=.+(?<!の)ことを忘れて)",
            )
        ),
    ),
    (
        OWNED,
        _compiled(
            r"\s*"
            + _any(
                r"(?:about\s+)?(?=my\s+\w)|(?=mein(?:e[nrms]?)?\s+\w)|(?=(?:mon|ma|mes)\s+\w)|(?=mis?\s+\w)",
                r"(?:about\s+)?(?:everything|anything|what(?:ever)?|all)\s+(?:that\s+)?you(?:'ve|\s+have)?\s+"
                r"(?:(?:ever|already)\s+)*(?:know|knew|learned|learnt|remember(?:ed)?|stored|saved|noted)\s+"
                r"(?:about|on|of|regarding|concerning)\s+",
                rf",?\s*(?:alles\s*,?\s*|das\s*,?\s*)?was\s+du\s+(?:(?:alles|noch)\s+)*{_UEBER}\s+",
                r"(?:everything|anything|whatever)\s+(?:about|on|regarding|concerning)\s+(?!(?:it|that|this)\b)",
                rf"alles\s+{_UEBER}\s+|tout\s+(?:sur|à\s+propos\s+de)\s+|todo\s+(?:sobre|acerca\s+de)\s+",
                r"(?:关于|關於)|(?=(?:私|僕|俺)の)|(?=我的)",
            )
        ),
    ),
    (
        NAMED,
        _compiled(
            r"\s*"
            + _any(
                rf"(?:about\s+)?(?!{_NOBODY})(?=(?-i:[A-ZÄÖÜ])[\w-]*(?:'s|s')\s+\w)",
                r"(?=(?-i:[A-ZÄÖÜ])[\w-]+(?:s|')\s+(?-i:[A-ZÄÖÜ])\w)",
                r"(?=(?:(?:das|den|die)\s+)\w+\s+von\s+(?-i:[A-ZÄÖÜ])\w)",
                r"(?=(?:l[ae]\s+|les\s+|l')\w+(?:\s+de\s+\w+)?\s+(?:d'|de\s+)(?-i:[A-ZÀÉÈ])\w)",
                r"(?=(?:el|la|los|las)\s+\w+(?:\s+de\s+\w+)?\s+de\s+(?-i:[A-ZÁÉ])\w)",
            )
        ),
    ),
    (
        LOOSE,
        _compiled(
            r"\s*"
            + _any(
                r"(?:all\s+)?about\s+(?!(?:it|that|this|them|those|these)\b)|das\s+(?:mit|über|zu)\s+",
                rf"(?=(?:the\s+)?(?:[\w-]+\s+){{0,3}}?(?!{_NOBODY})[\w-]+(?:'s|s')\s+\w)|(?=our\s+\w)",
                r"(?=unser(?:e[nrms]?)?\s+\w)|(?=(?:notre|nos)\s+\w)|(?=nuestr[oa]s?\s+\w)",
            )
        ),
    ),
)
# Where what is to be forgotten ends and something else begins.
_CLAUSE = _compiled(
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
_PASSING = _compiled(
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
_INSTEAD = _compiled(
    r"\s*(?:[,;–—-]+\s*)?(?:(?:and|but|so|please|then|und|bitte|et|y)[\s,]+)*(?:just|only|instead|simply|let's|focus|give"
    r"|go|make|write|do|use|take|try|keep|we'll|we\s+(?:will|can)|i'll|i\s+(?:just|only)|i'd\s+rather|nur|einfach|stattdessen|sondern|mach"
    r"|gib|schreib|wir\s+machen|ich\s+(?:will|brauche|möchte)|juste|simplement|seulement|plutôt|donne|fais|écris|solo"
    r"|sólo|simplemente|mejor|dame|haz|escribe)\b|\s*[，、,](?:直接|只|先|就)"
)
# Parts of the work that somebody may want to do without: "forget about the unit tests".
_WORK = _compiled(
    r"\b(?:tests?|testing|coverage|lint(?:er|ing)?|format(?:ter|ting)|types?|typing|hints?|comments?|docs?"
    r"|documentation|docstrings?|readme|changelog|commits?|error\s+handling|exceptions?|logging|semicolons?"
    r"|indentation|styling|style|performance|speed|optimi[sz]ations?|compatibility|support|edge\s+cases?"
    r"|imports?|refactor\w*|clean-?up|animations?|validation|translations?|kommentare?|typen|doku\w*)\b"
    r"|^\s*(?:writ|runn|add|mak|us|do|fix|handl|support|updat|optimi[sz]|mock)ing\b|テスト"
)
# It speaks of the conversation, not of what is known: "forget I asked", "forget my last question".
_TALK = _compiled(
    r"\s*(?:(?:i|we|you)(?:'ve|\s+have)?\s+(?:ever\s+|just\s+)?(?:asked|said|mentioned|told|brought|talked|spoke|wrote)\b"
    r"(?:\s+(?:you|it|that|this|up|about|anything|something|so|to))*|(?:ich|wir)\s+(?:das|es|etwas|dich|je|jemals)?\s*"
    r"(?:gesagt|gefragt|erwähnt)(?:\s+habe)?|j'ai\s+(?:demandé|dit)(?:\s+\w+)?|(?:he\s+)?(?:dije|dicho|preguntado)"
    r"|(?:my|our|the|meine[nr]?|mon|ma|mi)\s+(?:(?:last|previous|earlier|other|first|stupid|silly|letzte[nr]?|vorige[nr]?)\s+)*"
    r"(?:questions?|messages?|requests?|comments?|remarks?|prompts?|mistakes?|typos?|ideas?|points?|suggestions?"
    r"|examples?|answers?|approach|plan|proposal|draft|version|attempt|code|changes|design|discussion|conversation|frage|nachricht|idee|bemerkung|vorschlag|question|idée|pregunta|idea)"
    r"(?:\s+(?:above|before|from\s+before|dernière|última))?)\s*"
)
# "Forget these:", and a list.
_THESE = _compiled(
    r"(?:forget|unlearn|vergiss|vergessen|oublie|olvida)\s.{0,30}?\b(?:this|these|following|those|folgendes|diese[s]?"
    r"|ceci|esto|siguiente)(?:\s+\w+){0,2}\s*[:：][*_\s]*$"
)
_NO_MORE = _compiled(r"\b(?:anymore|any\s+more|any\s+longer|no\s+more|nicht\s+mehr)\b")
# What begins here is said anew, and stands for itself.
_BREAK = (
    r"(?:\s*(?:[,;:]|\s[–—-]|—)\s*(?:(?:and|but|so|because|as|und|denn|weil)\s+)?|\s(?:and|und)\s+)"
)
_DIRECTIVE = (
    r"(?:from\s+now\s+on|going\s+forward|always\s|never\s|remember\s|use\s|don't\s+forget\s|ab\s+(?:jetzt|sofort)"
    r"|immer\s|nie\s|merk\s+dir|désormais|à\s+partir\s+de|toujours\s|de\s+ahora\s+en|siempre\s"
    r"|(?:we|i|wir|ich)\s+(?:\S+\s+){1,8}?(?:now|instead|these\s+days|jetzt|stattdessen)\b)"
)
_NEWS = _compiled(rf"{_BREAK}(?={_DIRECTIVE})")
_NEWS_OR_FACT = _compiled(
    rf"{_BREAK}(?={_DIRECTIVE}|(?:we|our|wir|unser)\w*\s+(?!can\b|could\b|will\b|don't\b)\S+\s+\S"
    rf"|{_STATES})"
)
_MINE = _compiled(r"(?:my|mein(?:e[nrms]?)?|mon|ma|mes|mis?)\s|私の|僕の|俺の|我的")
_OF_THE_USER = _compiled(
    r"(?<!\w)(?:i|i'm|i've|me|my|mine|you|your|yours|user|user's|ich|mir|mich|mein\w*|du|dein\w*|ihr\w*|je|j'\w+|mon|ma|mes"
    r"|ton|ta|tes|votre|yo|mis?|tus?|me|soy|tengo)(?!\w)|私|僕|俺|我|あなた|你"
)
_POINTING = (
    "this that it these those them everything anything all das dies alles ça cela esto eso todo"
    " 这个 這個 它 これ それ"
)
_POINTERS = {*_POINTING.split(), "this please", "that please", "it please", "the following", ""}
_EMPTY = _compiled(r"(?:to\s+)?(?:me|you|us|him|her|them)$")

# What the user holds. A row is a phrase at the beginning of a sentence or of a clause.
_START = (
    r"(?:^|(?<=[.!?:;\n])|(?<=[。！？]))[\s\"'*_(-]*(?:(?:ok(?:ay)?|so|and|but|well|then|yes|yeah|right|alright"
    r"|actually|also|anyway|after\s+\w+(?:\s+\w+){0,5}|today|yesterday|in\s+the\s+end|finally|und|also|et|y)"
    r"[\s,]+){0,3}"
)
_DECISION = _any(
    r"(?:we|i)(?:'ve|\s+have)?(?:\s+(?:now|just|finally|already|all))?\s+(?:decided\s+(?:to|on|that|against|for|not)"
    r"|settled\s+on|opted\s+(?:for|to)|agreed\s+(?:to|on|that)|chose|chosen|picked|switched\s+to|moved\s+to)\b",
    r"let's\s+(?:go\s+with|stick\s+(?:with|to)|settle\s+on)\b",
    r"we(?:'ll|\s+will|'re\s+going\s+to|\s+are\s+going\s+to)\s+(?:use|go\s+with|stick\s+(?:with|to)|switch\s+to"
    r"|move\s+to|migrate\s+to|adopt|standardi[sz]e\s+on)\b",
    r"the\s+(?:plan|decision)\s+is\s+(?:to|that)\b|(?:it\s+is|it's)\s+decided\b|decision\s*:",
    r"wir\s+(?:haben\s+(?:uns\s+)?(?:\w+\s+){0,8}?(?:entschieden|beschlossen)|nehmen|bleiben\s+bei)\b",
    r"ich\s+habe\s+mich\s+(?:\w+\s+){0,8}?entschieden\b",
    r"(?:nous\s+avons|on\s+a|j'ai)\s+(?:décidé|choisi|opté)\b",
    r"(?:hemos|he)\s+(?:decidido|elegido|optado)\b|decidimos\b",
    r"我们(?:决定|选择|决定用)|我(?:决定|选择)了?",
)
_PREFERENCE = _any(
    r"i(?:'d|\s+would)?(?:\s+(?:really|usually|generally|much|personally|always|strongly|also))*\s+"
    r"(?:prefer|hate|dislike|love|can't\s+stand)\b",
    r"i(?:\s+(?:really|usually|generally|personally|also|don't|do\s+not))+\s+like\b|i\s+like\s+(?!to\s+know|the\s+idea)",
    r"i(?:'d|\s+would)\s+rather\b|my\s+(?:preference|favou?rite|preferred)\b|please\s+(?:don't|do\s+not|avoid)\b",
    r"i(?:'m|\s+am)\s+(?:not\s+)?(?:a\s+(?:big\s+|huge\s+)?fan\s+of|more\s+comfortable\s+with|allergic\s+to|used\s+to)\b",
    r"ich\s+(?:bevorzuge|hasse|mag|möchte\s+lieber|würde\s+lieber)\b|mir\s+ist\s+\w+\s+lieber\b|bitte\s+(?:keine?n?|nicht)\b",
    r"je\s+(?:préfère|déteste|n'aime\s+pas|préférerais)\b|(?:prefiero|odio|no\s+me\s+gusta|me\s+gusta|preferiría)\b",
    r"我(?:更?喜欢|讨厌|不喜欢|偏好)|(?:.{1,20}の)?方が(?:好き|いい)",
)
_STANCES = (
    (Kind.DECISION, _compiled(_START + _DECISION)),
    (Kind.PREFERENCE, _compiled(_START + _PREFERENCE)),
)
