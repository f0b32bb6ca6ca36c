"""Recognise what the user has decided, and what the user prefers.

All of it is tables of phrases, a row for each language. A question decides nothing.
"""

from recall.forms import any_of, compiled
from recall.passages import sentences
from recall.records import Kind
from recall.sentences import is_question


def stance(passage: str) -> Kind | None:
    """Whether a user's passage tells a decision or a preference."""
    passage = passage.replace("’", "'")
    for kind, pattern in _STANCES:
        for match in pattern.finditer(passage):
            sentence = _sentence_at(passage, match.start())
            if not is_question(sentence):
                return kind
    return None


def _sentence_at(passage: str, place: int) -> str:
    """The sentence that begins at or before a place, as far as its end."""
    return sentences(passage[place:])[0]


# What the user holds. A row is a phrase at the beginning of a sentence or of a clause.
_START = (
    r"(?:^|(?<=[.!?:;\n])|(?<=[。！？]))[\s\"'*_(-]*(?:(?:ok(?:ay)?|so|and|but|well|then|yes|yeah|right|alright"
    r"|actually|also|anyway|after\s+\w+(?:\s+\w+){0,5}|today|yesterday|in\s+the\s+end|finally|und|also|et|y)"
    r"[\s,]+){0,3}"
)
_DECISION = any_of(
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
_PREFERENCE = any_of(
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
    (Kind.DECISION, compiled(_START + _DECISION)),
    (Kind.PREFERENCE, compiled(_START + _PREFERENCE)),
)
