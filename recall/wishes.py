"""What the user explicitly asks the memory for: to remember something, or to forget it.

Only the user's own words count: `prose` leaves out code, quotations and what was pasted in. All of
it is tables of phrases, a row for each language; what no row recognises clearly is no request.
"""

import re
from dataclasses import dataclass
from itertools import takewhile

from recall.forgetting import Forget, unwanted, what_to_forget
from recall.forms import any_of, compiled
from recall.passages import Piece, prose, sentences, without_marker
from recall.sentences import is_question
from recall.statements import POINTERS, SAYS, STATES

LOOKED_AT = 4_096  # characters at either end of a text in which `is_likely` looks
MOST = 50  # requests of one text
LONGEST = 2_000  # characters of one; what is longer was pasted in


@dataclass(frozen=True, slots=True)
class Remember:
    """Something to be kept, in the user's words."""

    text: str
    everywhere: bool  # for all of the user's projects
    said: tuple[str, ...]  # the sentences of the request, word for word


type Wish = Remember | Forget


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
            elif isinstance(wish, Forget):
                found += [wish, *unwanted(sentence, _items(following))]
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


# Requests.


def _wish(sentence: str, said_before: str) -> Wish | None:
    """The request that one sentence makes."""
    plain = sentence.replace("’", "'")  # as long as before: places stay the same
    lead = _POLITE.match(plain)
    begins = lead.end() if lead else 0
    asks = is_question(plain)
    if asks and not _ASKED_NICELY.search(plain[:begins]):
        return None
    pleads = _PLEADS.search(plain[:begins]) is not None
    if forget := what_to_forget(sentence, plain, begins, pleads=pleads):
        return forget
    if _NOT_A_REQUEST.match(plain, begins):
        return None
    if match := _REMEMBER.match(plain, begins):
        return _remember(sentence, sentence[match.end() :], said_before)
    if match := _TO_MEMORY.match(plain, begins):
        return _remember(sentence, sentence[slice(*match.span(match.lastindex or 0))], said_before)
    if pleads and (match := _NOTE.match(plain, begins)):
        return _remember(sentence, sentence[match.end() :], said_before)
    if match := _REMEMBERED.search(plain, begins):
        return _remember(sentence, sentence[begins : match.start()], said_before)
    if match := _FOR_GOOD.match(sentence):
        return _remember(sentence, match[1], said_before)
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
        return Remember("" if plain in POINTERS else text, everywhere, (sentence,))
    said: tuple[str, ...] = (sentence,)
    if plain in POINTERS:
        # "We deploy on Thursdays. Remember that."
        text, said = said_before.strip(), (said_before, sentence)
    if len(text.strip(" .!:")) < 4 or _EMPTY.match(plain):
        return None
    return Remember(text, everywhere, said)


def _announces(sentence: str) -> bool:
    """Whether what is meant follows the sentence."""
    return sentence.rstrip("*_ ").endswith((":", "："))


def _listed(wish: Remember, following: list[Piece]) -> list[Remember]:
    """What a lead-in announces: the items of a list, or else the next paragraph."""
    items = _items(following)
    if not items:
        items = [piece.text for piece in following[:1] if not piece.is_heading]
        items = [text for text in items if len(text) <= LONGEST]
    if wish.text and items and sum(map(len, items)) <= LONGEST:
        # "Remember that our servers are:" says what the items are, so they belong together.
        return [Remember("\n".join((wish.text, *items)), wish.everywhere, (*wish.said, *items))]
    return [
        Remember(without_marker(item), wish.everywhere, (*(() if number else wish.said), item))
        for number, item in enumerate(items)
    ]


def _items(following: list[Piece]) -> list[str]:
    """The items of a list, but for what was pasted in."""
    items = (piece.text for piece in takewhile(lambda piece: piece.is_item, following))
    return [item for item in items if len(item) <= LONGEST]


# A cheap first look: without one of these there is no request. Plain parts of words, as looking
# for those is many times quicker than a pattern. A + stands for a blank.
_MENTIONED = """
    remember forget unlearn disregard in+mind memor note+ note: record never+mind jot+ write+down
    down: this: following: store+that save+that register+that rule+ rules+ convention preference+
    decision+ now+on here+on point+on moment+on forward starting+ henceforth project repo workspace
    codebase everywhere globally for+future later+reference
    merk notier vergiss vergess behalt denk speicher erinner gedächtnis regel vorliebe ab+jetzt
    ab+sofort ab+nun ab+heute nun+an jetzt+an künftig in+zukunft projekt
    souv rappel retien reten notes mémo enregistr garde oubli règle notez noter désormais dorénavant
    partir+de projet
    recu recor acu acord anot apunt guarda presente olvid olvíd regla adelante en+cuenta proyecto
    覚え 忘れ 記憶 今後 これから プロジェクト 记住 記住 记得 記得 记一下 忘掉 忘记 忘記 忘了
    从现在 從現在 以后 以後 项目 項目 專案"""
_MENTIONS = tuple(part.replace("+", " ") for part in _MENTIONED.split())

# What may stand before a request: politeness, an address, "I want you to".
_ASKING = any_of(
    r"(?:can|could|will|would)\s+you(?:(?:\s+please|\s+just|\s+also|\s+kindly|\s+maybe)){0,2}",
    r"(?:kannst|könntest|würdest)\s+du(?:\s+(?:dir|bitte|auch|mal)){0,3}",
    r"(?:können|könnten|würden)\s+sie(?:\s+(?:sich|bitte|auch)){0,3}",
    r"(?:peux-tu|pourrais-tu|tu\s+peux|pouvez-vous|pourriez-vous)",
    r"(?:puedes|podr[ií]as?|puede)",
)
_POLITE = compiled(
    r"[\s\"'*_(¿¡]*(?:(?:[-*•]|\d{1,2}[.)])\s+)?(?:(?:"
    + any_of(
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
_ASKED_NICELY = compiled(_ASKING)
_PLEADS = compiled(
    rf"(?<!\w)(?:please|pls|you\s+to|bitte|dass\s+du|du\s+(?:sollst|kannst|darfst)|{_ASKING})(?!\w)"
)

# The request itself; what follows it is what to remember. A row for each language.
_LINK = r"(?:\s*[:：,–—-]+\s*|\s+)"
_WHAT = (
    r"(?:\s*[:：–—]\s*|,\s*|\s+(?=(?:i|i'm|i've|i'd|we|we're|we've|my|our|never|always|not|to)\b))"
)
_REMEMBER = compiled(
    any_of(
        r"(?:always\s+)?remember\s+(?:(?:this|that|it|the\s+following)\s+)?(?:for\s+later|for\s+(?:all|every|each)"
        r"(?:\s+of)?(?:\s+my)?\s+(?:projects?|repos?\w*)|everywhere|globally|for\s+next\s+time)"
        r"(?:\s*[:：,–—-]+\s*|\s+that\s+|\s*$|\s*[.!]+$)",
        r"(?:always\s+)?remember(?:\s+(?:this|these|those|the\s+following(?:\s+\w+){0,4}))?"
        r"(?:\s*[:：–—]\s*|,\s*)",
        r"(?:always\s+)?remember\s+(?:that\s+|(?=(?:this|that|it)\s*[.!]*$))",
        rf"(?:always\s+)?remember{_WHAT}",
        rf"(?:always\s+)?remember\s+(?={STATES})",
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
_NOTE = compiled(
    rf"(?:note|record|store|save|register)\s+(?:that\s+(?={SAYS})|(?=(?:this|that)\s*[.!?]*$))"
    r"|(?:note|record)(?:\s+this)?\s*[:：]\s*(?=\S)"
)
_TO_MEMORY = compiled(
    r"(?:save|store|add|put|commit|write|keep)\s+(?:that\s+|(?=.{4,300}?\s+your\s))(.{4,300}?)\s+"
    r"(?:in|into|to)\s+(?:your\s+|the\s+)?memory[\s.!?]*$"
    r"|(?:behalt(?:e|et)?|speicher(?:e|t)?)\s+(.{4,300}?)\s+in\s+deinem\s+gedächtnis[\s.!?]*$"
)
# A question that tells something, though no row above recognises it.
_HANDS_OVER = compiled(
    rf"{_ASKING}\s[^?]{{0,60}}?\b(?:remember|note|memori[sz]e|record|track|(?:write|jot)\s+down"
    rf"|keep\s+in\s+mind)\b[^?]{{0,60}}?(?:\bthat\s+(?={SAYS})|:\s*\S)"
)
# The request at the end: "we deploy on Thursdays, remember that".
_REMEMBERED = compiled(
    r"(?:[,;–—-]\s*|\s+)(?:(?:and|so|but|please)[\s,]+)*"
    + any_of(
        r"(?:remember|memori[sz]e|note)\s+(?:this|that|it)(?:\s+for\s+(?:later|next\s+time|the\s+future))?",
        r"(?:keep|bear)\s+(?:this|that|it)\s+in\s+mind|(?:don't|do\s+not|never)\s+forget\s+(?:this|that|it)",
        r"(?:bitte\s+)?merk(?:e)?\s+dir\s+das|vergiss\s+das\s+nicht",
        r"souviens-t'en|retiens(?:-le|\s+[cç]a)|ne\s+l'oublie\s+pas|recu[eé]rdalo|no\s+lo\s+olvides",
    )
    + r"(?:[\s,]+please|[\s,]+bitte|[\s,]+ok(?:ay)?)?[\s.!)\"'*_]*$"
)
# Where the verb comes last: "毎週木曜にデプロイすることを覚えておいて".
_FOR_GOOD = re.compile(
    r"(.{4,}?)(?:という|って)?(?:ことを|のを|を|と|は)?(?:覚えて(?:おいて|いて)?|記憶して(?:おいて)?|忘れないで)"
    r"(?:ください|下さい|ね|くれ)?[。！!.\s]*$"
)
# It tells of remembering, or uses the word for something else.
_NOT_A_REQUEST = compiled(
    r"remember\s*,?\s*(?:that\s+)?(?:when|how|what|where|who|why|whether|if|me\b|the\s+time|last|that\s+time"
    r"|us\b)|souviens-toi\s+quand|recuerda(?:s)?\s+cuando"
)
_EMPTY = compiled(r"(?:to\s+)?(?:me|you|us|him|her|them)$")

_FROM = any_of(
    r"from\s+(?:now|here)\s+on(?:wards?)?|from\s+this\s+(?:point|moment)\s+(?:on|forward)|going\s+forward"
    r"|starting\s+(?:now|today)|henceforth",
    r"ab\s+(?:jetzt|sofort|nun|heute)|von\s+(?:nun|jetzt)\s+an|künftig|in\s+zukunft",
    r"à\s+partir\s+de\s+maintenant|dorénavant|désormais",
    r"a\s+partir\s+de\s+ahora|de\s+ahora\s+en\s+adelante",
)
_FROM_NOW_ON = compiled(
    rf"{_FROM}(?!\w)|(?:今後は?|これからは|从现在(?:起|开始)|從現在(?:起|開始)|以后|以後)[，,、]?"
)
_FROM_NOW_ON_LAST = compiled(
    rf"^[\s\"'*_-]*(?:please\s+|bitte\s+)?(?!i\b|it\b|the\b|this\b|that\b|he\b|she\b|they\b|there\b)\w.{{3,300}}?"
    rf"(?<!\w){_FROM}[\s.!)\"'*_]*$"
)

_PROJECTS = (
    r"(?:all|every|each|any)(?:\s+of)?(?:\s+(?:my|our|the))?(?:\s+(?:other|single))?\s+"
    r"(?:projects?|repos?|repositor(?:y|ies)|codebases?|workspaces?)"
)
_ALL_PROJECTS = any_of(
    rf"(?:for|in|across|on|with|to)\s+{_PROJECTS}|across\s+(?:my\s+)?(?:projects|repos|repositories)",
    r"(?:für|in|bei)\s+(?:alle[ns]?|jede[ms]?)\s+(?:meine[nr]?\s+)?(?:projekte?n?|repos?)",
    r"(?:pour|dans)\s+(?:tous\s+mes|chacun\s+de\s+mes|chaque)\s+projets?",
    r"(?:para|en)\s+(?:todos\s+(?:mis|los)|cada)\s+(?:proyectos?)",
)
_FOR_ALL_PROJECTS = compiled(rf"(?:{_ALL_PROJECTS}(?!\w)|(?:everywhere|globally)\s*[:,])")
_EVERYWHERE = compiled(
    rf"(?<!\w){_ALL_PROJECTS}(?!\w)|^[\s\"'*_]*(?:(?:please|always)[\s,]+)*(?:everywhere|globally)\s*[:,]"
    r"|remember\s+(?:(?:this|that|it)\s+)?(?:everywhere|globally)\b"
    r"|(?:所有|每个|每個)(?:的)?(?:项目|項目|專案)|(?:すべて|全て|全部)のプロジェクト"
)
