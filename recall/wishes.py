"""What the user explicitly asks the memory for, and what the user has decided or prefers.

Only the user's own words count: `prose` leaves out code, quotations and what was pasted in. All of
it is tables of phrases, a row for each language; what no row recognises clearly is no request.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

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


@dataclass(frozen=True, slots=True)
class Forget:
    """Something that must not be known any longer."""

    about: str
    said: tuple[str, ...]

    def means(self, text: str, kind: Kind = Kind.PASSAGE) -> bool:
        """Whether every word that carries meaning in the request occurs in a memory's text.

        A single word is enough only for what is kept on request: "forget about the database" must
        not take everything that mentions one.
        """
        sought = _sought(self.about)
        fewest = 1 if kind in (Kind.RULE, Kind.NOTE) else 2
        return len(sought) >= fewest and sought <= _said(text)


type Wish = Remember | Forget


@lru_cache(maxsize=256)
def _sought(about: str) -> frozenset[int]:
    """The words that carry meaning, as the numbers under which a text is indexed."""
    # One by one, so that no pair of neighbours is among them.
    meaning = [word for word in _WORD.findall(about) if words.question_terms(word.casefold())]
    return frozenset(term for word in meaning for term in words.index_terms(word))


@lru_cache(maxsize=8)
def _said(text: str) -> frozenset[int]:
    return frozenset(words.index_terms(text))


_WORD = re.compile(r"\w+")


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
            if isinstance(wish, Remember) and _announces(sentence):
                found.extend(_listed(wish, pieces[number + 1 :]))
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
    if match := _FORGET.match(plain, begins):
        return _forget(sentence, plain, match.end())
    if _NOT_A_REQUEST.match(plain, begins):
        return None
    if match := _REMEMBER.match(plain, begins):
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
    about = sentence[begins:]
    if cut := _CLAUSE.search(plain, begins):
        about = sentence[begins : cut.start()]
    about = about.strip(" \t\n.,;:!?。！？\"'»«“”*_")
    if len(about) < 2 or about.casefold() in _POINTERS or _PASSING.search(plain):
        return None
    return Forget(about, (sentence,))


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


def _any(*rows: str) -> str:
    return "(?:" + "|".join(row for row in rows if row) + ")"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# A cheap first look: without one of these there is no request. Plain parts of words, as looking
# for those is many times quicker than a pattern.
_MENTIONS = (
    *("remember", "forget", "unlearn", "disregard", "in mind", "memor", "note ", "note:", "record"),
    *("now on", "here on", "point on", "moment on", "forward", "starting ", "henceforth"),
    *("project", "repo", "workspace", "codebase", "everywhere", "globally", "for future"),
    *("later reference", "merk", "notier", "vergiss", "behalt", "denk", "ab jetzt", "ab sofort"),
    *("ab nun", "ab heute", "nun an", "jetzt an", "künftig", "in zukunft", "projekt", "souv"),
    *("rappel", "retien", "retenez", "notez", "oubli", "désormais", "dorénavant", "partir de"),
    *(
        "projet",
        "recu",
        "acu",
        "olvid",
        "adelante",
        "en cuenta",
        "proyecto",
        "覚え",
        "忘れ",
        "記憶",
    ),
    *("今後", "これから", "プロジェクト", "记住", "記住", "记得", "記得", "记一下", "忘掉", "忘记"),
    *("忘記", "忘了", "从现在", "從現在", "以后", "以後", "项目", "項目", "專案"),
)

# What may stand before a request: politeness, an address, "I want you to".
_POLITE = _compiled(
    r"[\s\"'*_(]*(?:(?:[-*•]|\d{1,2}[.)])\s+)?(?:(?:"
    + _any(
        r"please|pls|ok(?:ay)?|and|also|so|hey|hi|btw|by the way|oh|now|just|but|well|then|first"
        r"|finally|important(?:ly)?|note(?=:)|ps|p\.s\.|claude|codex|gemini|assistant|chatgpt|copilot",
        r"(?:can|could|will|would)\s+you(?:\s+please)?(?:\s+just)?",
        r"(?:i\s+(?:want|need|would\s+like|'d\s+like)|i'd\s+like)\s+you\s+to",
        r"you\s+(?:should|must|can|need\s+to|have\s+to)|let's|do|make\s+sure\s+(?:to|you)",
        r"bitte|und|also|ach|ok|du\s+sollst|kannst\s+du(?:\s+dir)?(?:\s+bitte)?",
        r"s'il\s+(?:te|vous)\s+pla[iî]t|et|peux-tu|pouvez-vous|stp|svp|je\s+veux\s+que\s+tu",
        r"por\s+favor|y|puedes|podr[ií]as|quiero\s+que",
        r"请|請|麻烦|どうか",
    )
    + r")(?:[\s,:;.!–—-]+|(?<=[请請烦]))(?:[*_\"]+)?){0,6}"
)
_ASKED_NICELY = _compiled(
    r"(?:can|could|will|would)\s+you|kannst\s+du|peux-tu|pouvez-vous|puedes|podr[ií]as"
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
        rf"(?:keep|bear|have)\s+(?:(?:it|this|that)\s+)?in\s+mind(?:\s+that\b|(?=\s*[.!]*$)|{_WHAT}){_LINK}?",
        r"(?:don't|do\s+not|never)\s+(?:you\s+)?(?:ever\s+)?forget(?:\s+that\s+|\s+to\s+(?=\w)"
        r"|\s*[:：–—,]\s*|\s+(?=(?:i|i'm|we|we're|my|our)\b)|\s+(?=(?:this|that|it)\s*[.!]*$))",
        r"(?:make\s+a\s+|take\s+)?note\s+(?:for\s+(?:later|the\s+future|future\s+\w+)|to\s+(?:self|memory))"
        r"(?:\s+that\b)?" + _LINK,
        r"(?:make|take)\s+(?:a\s+)?(?:mental\s+)?note(?:\s+(?:that|of\s+this|of\s+that))?" + _LINK,
        r"(?:for\s+(?:future\s+reference|later\s+reference|the\s+record)|for\s+your\s+memory)"
        + _LINK,
        r"(?:save|store|add|put|commit|write)\s+(?:this|that|it|the\s+following)\s+(?:in|into|to)\s+"
        r"(?:your\s+|the\s+)?memory(?:\s+that\b)?(?:\s*[:：,–—.!-]*\s*)",
        r"memori[sz]e(?:\s+(?:this|that))?(?:\s*[:：,–—]\s*|\s+that\s+|(?=\s*[.!]*$))",
        r"(?:merk(?:e|t)?|notier(?:e)?)\s+(?:dir|euch)(?:\s+(?:bitte|das|folgendes|für\s+später))*"
        r"(?:\s*[:：,–—]\s*(?:dass\s+)?|\s+dass\s+|\s*[.!]*$)",
        r"(?:denk(?:e)?\s+(?:bitte\s+)?daran|behalt(?:e)?\s+(?:bitte\s+)?im\s+kopf)(?:\s*[:：,–—]\s*(?:dass\s+)?|\s+dass\s+)",
        r"vergiss\s+(?:bitte\s+)?(?:nicht|nie)(?:\s*[:：,–—]\s*(?:dass\s+)?|\s+dass\s+)",
        r"(?:souviens-toi|souvenez-vous|rappelle-toi|rappelez-vous|retiens|retenez|note|notez)"
        r"(?:\s+bien)?(?:\s+(?:que\s+|qu')|\s*[:：]\s*)",
        r"n'oublie[sz]?\s+pas(?:\s+(?:que\s+|qu'|de\s+)|\s*[:：]\s*)",
        r"(?:recuerda|recuerde|recordad|acu[eé]rdate\s+de|ten\s+en\s+cuenta|no\s+olvides|no\s+te\s+olvides\s+de)"
        r"(?:\s+que\s+|\s*[:：]\s*)",
        r"(?:记住|記住|记得|記得|记一下|不要忘记|不要忘了|别忘了|別忘了)[:：，,、]?\s*",
        r"(?:次のことを|以下を)?(?:覚えて|記憶して)(?:おいて)?(?:ください|下さい|ね)?[:：。、]\s*(?=\S)",
    )
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

_FORGET = _compiled(
    _any(
        r"(?:forget|unlearn|disregard)\s+(?:(?:all\s+)?(?:about\s+(?!it\b)|of\s+)?)?(?:"
        r"(?:what|everything|anything|all|that\s+which)\s+(?:(?:that\s+)?(?:i|we|you)(?:'ve|\s+have)?\s+"
        r"(?:ever\s+)?(?:said|told|wrote|mentioned|know|learned|remember|stored)(?:\s+you)?\s+)?"
        r"(?:about|on|regarding)\s+|the\s+fact\s+that\s+|that\s+(?=\w+\s+\w)|(?:my|our)\s+(?=\w))",
        r"forget\s+(?:all\s+)?about\s+(?!(?:it|that|this)\b)",
        r"(?:forget|drop|delete|remove)\s+(?:the|my|our|that)\s+(?:rule|convention|preference|note|decision)\s+"
        r"(?:about|that|on|to|for)\s+",
        r"(?:delete|remove|erase|drop|wipe)\s+(?=.{2,200}?\s+from\s+(?:your|the)\s+memory\b)",
        r"stop\s+remembering\s+(?:that\s+)?",
        r"vergiss\s+(?:bitte\s+)?(?:,?\s*dass\s+|(?:alles|was)\s+(?:ich\s+)?(?:dir\s+)?(?:über|zu|von)\s+"
        r"|(?:mein(?:e[nrms]?)?|unser(?:e[nrms]?)?)\s+(?=\w))|vergiss,\s*(?:dass|was)\s+",
        r"(?:oublie|oubliez)\s+(?:que\s+|qu'|(?:tout\s+)?ce\s+que\s+j'ai\s+dit\s+(?:sur|de|à\s+propos\s+de)\s+"
        r"|(?=(?:mon|ma|mes|notre|nos)\s+\w))",
        r"(?:olvida|olvide|olvidad)\s+(?:que\s+|(?:todo\s+)?lo\s+que\s+(?:te\s+)?dije\s+(?:sobre|de)\s+"
        r"|(?=(?:mi|mis|nuestr[oa]s?)\s+\w))",
        r"(?:忘掉|忘记|忘記|忘了)(?:我说的|我說的|关于|關於)?(?!我了)",
        r"(?=.{2,200}?(?:ことを|のことは|を|は|のこと)忘れて(?:ください|下さい|ね|くれ)?[。！!.\s]*$)",
    )
)
# Where what is to be forgotten ends and something else begins.
_CLAUSE = _compiled(
    r"\s*(?:[;—]|\s[–-]\s|,\s*(?:just|instead|we|i|i've|i'm|it|it's|let's|but|because|since|please|and|that|which"
    r"|sondern|wir|ich|das|mais|on|nous|je|pero|ahora|ya)\b|\s+from\s+(?:your|the)\s+memory\b|\s+(?:please|bitte)?[.!?]*$"
    r"|(?:という)?(?:ことを|のことは|のこと|を|は)忘れて)"
)
# Said in passing: only for the moment, or a turn of phrase.
_PASSING = _compiled(
    r"\b(?:for\s+now|for\s+the\s+moment|right\s+now|for\s+a\s+(?:second|moment|minute)|this\s+time"
    r"|(?:previous|above|prior|earlier|last|all)\s+(?:\w+\s+)?(?:instructions?|prompts?|messages?|rules?))\b"
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
