"""Take the prose out of a text, in passages that can be understood alone.

Code, diffs, tracebacks, logs, dumps, quotations and what a client pasted in are left out.
What a line is, is decided by tables of patterns: a new kind of output is a new row.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

SHORT = 80  # a passage of less is joined to its neighbour
USUAL = 400  # paragraphs are joined up to here
LONG = 700  # and cut from here on
EDGE = 65_536  # characters that are read of a long text, at its beginning and at its end
MOST_LINES = 4_000
MOST = 64  # passages of one text
LEAD = 200  # a longer heading or lead-in is not repeated


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph, a list item with what hangs on it, or a heading: whole lines, word for word."""

    text: str
    is_heading: bool = False
    is_item: bool = False


def passages(text: str) -> list[str]:
    """The prose of a text in passages of about 80 to 700 characters, at most 64 of them.

    A passage is one contiguous part of the text or several, joined by newlines: headings and the
    line that leads into a list are repeated for every passage that they belong to, so each line of
    a passage is found word for word in a line of the text. Of a long text, the first and the last
    65,536 characters are read.
    """
    return packed(prose(text))


def packed(pieces: Iterable[Piece]) -> list[str]:
    """The passages that paragraphs, list items and headings make, as `passages` tells."""
    found: list[str] = []
    for passage in _packed(pieces):
        if not is_noise(passage) and passage not in found:
            found.append(passage)
            if len(found) == MOST:
                break
    return found


def is_noise(text: str) -> bool:
    """Whether a text says nothing that is worth remembering: thanks, consent, a lone command."""
    if len(text) > 120:
        return False
    if _COMMAND.fullmatch(text):
        return True
    words = _WORD.findall(text.casefold().replace("’", "'"))
    if not any(letter.isalpha() for word in words for letter in word):
        return True
    if len(words) == 1:
        # Scripts without blanks between the words need few characters to say much.
        return len(words[0]) < 4 or words[0].isascii() or words[0] in _NOISE
    return all(word in _NOISE for word in words)


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph, each a contiguous part of it; a line may end inside one."""
    return [part for start, end in _sentence_spans(text) if (part := text[start:end].strip())]


def without_marker(item: str) -> str:
    """A list item without its bullet or number."""
    return _ITEM.sub("", item, count=1)


def prose(text: str) -> list[Piece]:
    """The paragraphs, list items and headings of a text, without what is not prose."""
    pieces: list[Piece] = []
    for part in _parts(text):
        for block in _blocks(part):
            pieces.extend(_pieces(block))
    return pieces


# What is read.


def _parts(text: str) -> Iterator[list[str]]:
    """The lines of a text, or of the beginning and the end of a long one."""
    if len(text) <= 2 * EDGE:
        yield _lines(text)
        return
    head, tail = text[:EDGE], text[-EDGE:]
    yield _lines(head[: head.rfind("\n")] if "\n" in head else head)
    lines = _lines(tail[tail.find("\n") + 1 :])
    fences = [number for number, line in enumerate(lines) if _FENCE.match(line)]
    # An odd fence closes a block that began in the part that is not read.
    yield lines[fences[0] + 1 :] if len(fences) % 2 else lines


def _lines(text: str) -> list[str]:
    # Not splitlines: a form feed or a U+2028 inside a line is part of what was said.
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return lines if len(lines) <= MOST_LINES else lines[:MOST_LINES]


# What a line is.


class _Look(IntEnum):
    PROSE = 0
    DOUBTFUL = 1  # code, if its neighbours are
    CODE = 2


_FENCE = re.compile(r"\s{0,12}(?:[-*+]\s+)?(`{3,}|~{3,})")
_ITEM = re.compile(
    r"\s*(?:[-*+•‣–—·・]|\(?\d{1,3}[.)、．]|\(?[a-zA-Z][.)]|[①-⑳])(?:\s+(?=\S)|(?<=[、．①-⑳])(?=\S))"
)
_HEADING = re.compile(r"\s{0,3}(?:#{1,6}\s+\S|\*\*[^*]{1,150}\*\*[:：]?$|__[^_]{1,150}__[:：]?$)")
_RULER = re.compile(r"\s*(?:[-=*_#~+─━═|:]\s*){3,}$")
_QUOTE = re.compile(r"\s{0,3}(?:>(?!=)|&gt;)")
_LEADS = re.compile(r"[:：][*_]{0,2}$")

# What clients put around the user's words; the words themselves stand outside.
_WRAPPED = re.compile(
    r"\s*<(system[-_]reminder|environment[-_]\w+|user[-_]instructions|instructions|command-[\w-]+"
    r"|local-command-[\w-]+|bash-[\w-]+|tool[-_]\w+|function_\w+|ide_\w+|session_context"
    r"|persisted-output|task-notification|thinking|documents?|files?|file_contents?"
    r"|attached_files|attachments?|context|open_files|recalled-memory)\b[^>]{0,300}>",
    re.IGNORECASE,
)

_CODE = re.compile(
    r"""\s*(?:
      [\])}]+[;,)]*$ | [\[({]+$ | \{.*"\s*:.*[}\]],?$
    | "[^"]{1,200}"\s*:\s*\S
    | </?[A-Za-z!?][^>]{0,500}>.*[>;]$ | </?[A-Za-z!?][^<>]{0,500}>$ | <!--
    | (?:async\s+)?def\s+\w+\s*\( | class\s+\w+(?:\s*\([^)]*\))?\s*[:{]$
    | (?:export\s+)?(?:default\s+)?(?:async\s+)?function\s*\*?\s*\w*\s*\(
    | (?:export\s+)?(?:const|let|var)\s+[\w$]+\s*(?::[^=]{1,60})?=
    | (?:const|let|var)\s+[{\[]
    | from\s+[\w.]+\s+import\s | import\s+[\w.]+(?:\s+as\s+\w+)?;?$ | import\b.{1,200}\sfrom\s+['"]
    | (?:pub(?:lic)?|private|protected|static)\s+[\w<>\[\], ]+\([^)]*\)
    | (?:fn|func)\s+\w+\s*[(<] | (?:if|for|while|switch|catch)\s*\(.*[{);]$
    | (?:else|try|finally|do):?\s*\{?$ | except\b[\w\s.,()]*:$
    | \#\s*(?:include|define|ifdef|endif|pragma)\b | \#! | // | /\*+(?:\s|$) | \*/
    | @[\w.]+(?:\(.*\))?$ | [\w.$]+\([^()]*\)[;,]?$ | (?:[$%❯➜]|PS\s[A-Z]:.*>)\s+\S
    | (?i:select\s.{1,300}\sfrom\s|insert\s+into\s|create\s+(?:table|index)\s|update\s+\w+\s+set\s)
    | diff\s--git\s | index\s[0-9a-f]{7,}\.\. | ---\s[ab]?/ | \+\+\+\s[ab]?/ | @@\s
    | File\s"[^"]+",\sline\s\d+ | at\s[\w$.<>/\[\]\s]+\( | at\s(?:async\s)?\S+:\d+(?::\d+)?\)?$
    | Caused\sby: | (?:[\w$]+\.)*\w*(?:Error|Exception|Warning)(?::\s|$) | panic: | goroutine\s\d
    | \[(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\]
    | (?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)
      (?::|\s{2,}|\s[\[\d\w.]+[:\]])
    | (?:npm|yarn|pnpm)\s(?:ERR!|WARN) | (?:error|warning)(?:\[\w+\])?:\s | -->\s\S+:\d+
    | [=\-]{3,}\s.*\s[=\-]{3,}$ | (?:PASSED|FAILED|ERROR|ok|FAIL)\s+[\w./-]+(?:::|$)
    | [-dlbcps][rwxsStT-]{9}[@+.]?\s+\d | [\w./\\-]+:\d+(?::\d+)?:\s
    )""",
    re.VERBOSE,
)
_STAMP = re.compile(
    r"\s*\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d"
    r"|[A-Z][a-z]{2}\s+\d{1,2}\s\d\d:\d\d:\d\d)"
    r"(?=.{0,60}?(?:\b(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b|\w+\[\d+\]:"
    r"|\s\w+=\S))",
    re.IGNORECASE,
)
_DOUBTFUL = re.compile(
    r"\s*(?:[\w.$\[\]\"']+\s*(?:[-+*/|&]?=|:=|=>)\s*\S|.*[=()].*;$|.*[\w)\]]\s*\{$|return\b[^.]*$"
    r"|(?:if|elif|for|while|with)\b.{1,200}:$|[\w-]+:\s*(?:[\w./\"'-]+|\[.*\]|\{.*\})?$"
    r"|(?:sudo|npm|npx|pip|git|docker|cd|ls|curl|uv|python3?|make|cargo|go)\s.*\s--?\w"
    r"|[\w./~-]+/[\w./-]+$|\#\s\w+$|.*\s\|\s.*\s\|\s)"
)
_ASIDE = re.compile(r"`[^`\n]{1,300}`|https?://\S+")
_SYMBOL = re.compile(r"[{}()\[\]<>=;/\\|_$&*+@^~%\"0-9]")
_DIGIT = re.compile(r"[0-9.,:;|+\-\s%€$]")
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{80,}|(?:[0-9a-fA-F]{2}[\s:]){16,}")


def _look(line: str) -> _Look:
    """Whether one line reads as prose."""
    if _CODE.match(_ends(line)) or _STAMP.match(line):
        return _Look.CODE
    if line.startswith("|") and len(_WORD.findall(line[:200])) < 8:
        return _Look.CODE  # a row of a table that holds no sentences
    sample = line[:400]
    blob = _BLOB.search(sample)
    if blob and 2 * (blob.end() - blob.start()) > len(sample):
        return _Look.CODE
    words = _ASIDE.sub("", sample) if "`" in sample or "://" in sample else sample
    share = len(_SYMBOL.findall(words)) / (len(words) or 1)
    if share > 0.25 and len(words) > 12:
        return _Look.CODE
    if len(words) > 8 and len(_DIGIT.findall(words)) > 0.75 * len(words):
        return _Look.CODE
    return _Look.DOUBTFUL if share > 0.15 or _DOUBTFUL.match(_ends(line)) else _Look.PROSE


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines of prose; what is not prose ends a run."""
    block: list[str] = []
    looks: list[_Look] = []
    for line, look in _judged(lines):
        if line is None:
            if block and not _is_output(block, looks):
                yield block
            block, looks = [], []
        else:
            block.append(line)
            looks.append(look)
    if block and not _is_output(block, looks):
        yield block


def _is_output(block: list[str], looks: list[_Look]) -> bool:
    """Whether a run of lines is what a program printed, though no single line gives it away."""
    if len(block) > 1 and 2 * sum(look > _Look.PROSE for look in looks) >= len(block):
        return True
    listing = sum(len(line.split()) < 3 and not _ITEM.match(line) for line in block)
    return (
        len(block) > 5
        and not any(_ENDS.search(line) for line in block)
        and 2 * listing > len(block)
    )


def _judged(lines: list[str]) -> Iterator[tuple[str | None, _Look]]:
    """Every line of prose with how it looks, and None where a run ends."""
    margin = _margin(lines)
    in_diff = in_list = after_code = False
    after_blank = True
    gap: tuple[None, _Look] = None, _Look.PROSE
    for line in _outside(lines):
        if not line:
            in_diff = after_code = False
            after_blank = True
            yield gap
            continue
        begins, after_blank = after_blank, False
        if (in_diff and line[0] in "+- \\@") or _RULER.match(line) or _QUOTE.match(line):
            yield gap
            continue
        is_indented = line[0] in " \t"
        is_item = _ITEM.match(line) is not None
        if begins and is_indented and not (in_list or is_item) and _indent(line) >= margin + 4:
            after_blank = True  # the next line of indented code is code, too
            yield gap
            continue
        in_list = is_item or (in_list and (is_indented or not begins))
        look = _look(_ITEM.sub("", line, count=1) if is_item else line)
        in_diff = look is _Look.CODE and line.startswith(("@@ ", "+++ "))
        # What hangs on a line of code is code as well.
        after_code = look is _Look.CODE or (
            after_code and not is_item and (is_indented or look is _Look.DOUBTFUL)
        )
        yield gap if after_code else (line, look)


def _outside(lines: list[str]) -> Iterator[str]:
    """The lines outside of fences, tracebacks and what a client put in, which leave a blank."""
    fence = closing = ""
    in_trace = False
    for line in lines:
        if closing:
            if closing in line.casefold():
                closing = ""
        elif fence:
            mark = line.strip().removeprefix(">").strip()
            if mark.startswith(fence) and not mark.strip(fence[0]):
                fence = ""
        elif opened := _FENCE.match(line.removeprefix("> ")):
            # ```code``` on one line is inline code.
            if opened[1] not in line.removeprefix("> ")[opened.end() :]:
                fence = opened[1]
            yield ""
        elif wrapped := _WRAPPED.match(line):
            ending = f"</{wrapped[1].casefold()}>"
            closing = "" if ending in line.casefold() else ending
            yield ""
        elif in_trace and line:
            # The first line that is not indented tells the error, and is the last.
            in_trace = line[0] in " \t"
        else:
            in_trace = line.startswith("Traceback (most recent call last)")
            yield "" if in_trace else line


def _margin(lines: list[str]) -> int:
    """By how much everything but the first line is indented, as in a script's long string."""
    indents = [_indent(line) for line in lines[1:200] if line]
    # A lone indented paragraph under one line of prose is code rather than a margin.
    return min(indents) if len(indents) > 2 else 0


def _indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.lstrip().expandtabs(4))


def _pieces(block: list[str]) -> Iterator[Piece]:
    """The paragraphs, list items and headings in a run of lines."""
    gathered: list[str] = []
    is_item = False
    depth = 0

    def finished() -> Iterator[Piece]:
        if gathered:
            yield Piece("\n".join(gathered), is_item=is_item)
            gathered.clear()

    for line in block:
        text = line.strip()
        if _HEADING.match(line):
            yield from finished()
            is_item = False
            yield Piece(text, is_heading=True)
        elif _ITEM.match(line) and not (gathered and is_item and _indent(line) > depth):
            yield from finished()
            is_item, depth = True, _indent(line)
            gathered.append(text)
        elif gathered and not is_item and _LEADS.search(gathered[-1]):
            yield from finished()
            gathered.append(text)
        else:
            gathered.append(text)
    yield from finished()


# Sentences.

_ENDS = re.compile(r"[.!?…؟۔।。！？｡][\"'”’»)\]*_`]*$")
_SENTENCE_END = re.compile(r"[.!?…؟۔।]+[\"'”’»)\]*_`]*(?=\s)|[。！？｡]+[」』”’）]*|\n(?=\s*\n)")
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|mr|mrs|ms|dr|prof|st|no|nr|fig|vol|ca|bzw|usw"
    r"|evtl|ggf|inkl|z\.\s?b|d\.\s?h|u\.\s?a|p\.\s?ex|p\.\s?ej|sr|sra|\w)|\b\d{1,2})\.$",
    re.IGNORECASE,
)


def _sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        stop = end.end()
        # "e.g. this" and "am 3. Mai" go on; a few characters tell.
        if end[0] == "." and _ABBREVIATED.search(text[max(start, stop - 12) : stop]):
            continue
        yield start, stop
        start = stop
    if start < len(text):
        yield start, len(text)


# Passages.

_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff00-\uff60]")


def _size(text: str) -> int:
    """The length, where a character of Chinese, Japanese or Korean says as much as two."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def _packed(pieces: Iterable[Piece]) -> Iterator[str]:
    """Join small pieces and cut large ones, each with the lines that lead into it."""
    heading = lead = ""
    current: list[str] = []
    of_items = False

    def finished() -> Iterator[str]:
        if current:
            yield "\n".join(part for part in (heading, *current) if part)
            current.clear()

    for piece in pieces:
        if piece.is_heading:
            yield from finished()
            heading, lead = (piece.text if len(piece.text) <= LEAD else ""), ""
            continue
        size = sum(map(_size, current))
        if piece.is_item:
            if not of_items:
                lead = _lead(current[-1]) if current else ""
            if current and size + _size(piece.text) > LONG:
                yield from finished()
                if lead:
                    current.append(lead)
            of_items = True
        else:
            is_small = size < SHORT or _size(piece.text) < SHORT
            if current and (of_items or size + _size(piece.text) > (LONG if is_small else USUAL)):
                yield from finished()
            of_items = False
        if _size(piece.text) <= LONG:
            current.append(piece.text)
            continue
        for part in _cut(piece.text, LONG):
            if current and sum(map(_size, current)) + _size(part) > LONG:
                yield from finished()
            current.append(part)
    yield from finished()


def _lead(text: str) -> str:
    """The sentence that leads into a list."""
    last = sentences(text)[-1:]
    return last[0] if last and _LEADS.search(last[0]) and len(last[0]) <= LEAD else ""


def _cut(text: str, limit: int) -> Iterator[str]:
    """A long paragraph in parts, between sentences where that is possible."""
    start = end = 0
    size = 0
    for begin, stop in _sentence_spans(text):
        length = _size(text[begin:stop])
        if size and size + length > limit:
            yield text[start:end].strip()
            start, size = begin, 0
        while length > limit:
            # Half the limit in characters is never more than the limit in size.
            room = text[start : start + limit // 2]
            at = max(room.rfind(" "), room.rfind("\n"), room.rfind("、"), room.rfind("，"))
            at = start + (at + 1 if at > 0 else len(room))
            yield text[start:at].strip()
            length -= _size(text[start:at])
            start = at
        size += length
        end = stop
    if rest := text[start:].strip():
        yield rest


# Words that say nothing, however many of them stand together.
_COMMAND = re.compile(r"\s*(?:[/!@]\w[\w:./-]*(?:\s+\S+)?|\[(?:Request|Image|image)[^\]]*\])\s*")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SAYS_NOTHING = """
    a absolutely again agreed ahead all alright amazing and are awesome bye cheers continue cool
    correct course do done exactly excellent fine fix go good got great hello hey hi i it it's
    just keep kk looks lgtm lovely makes more much nah never mind next nice no nope now of oh ok
    okay on one perfect please pls proceed really right same sense so sorry sounds stop super sure
    test thank thanks that that's the then there this thx to try ty understood very wait well will
    wonderful works wow y yeah yep yes you your yup
    ja nein danke bitte gut weiter genau super klar mach passt prima gerne hallo schön sehr
    oui non merci bien continuez vas-y d'accord parfait bonjour
    sí si gracias vale bien sigue continúa perfecto hola por favor
    はい いいえ ありがとう ありがとうございます 続けて 続けてください お願いします 了解 了解です
    好 好的 谢谢 謝謝 继续 繼續 可以 是的 不是 没问题 对 네 아니요 감사합니다 계속 좋아요
    نعم لا شكرا تابع حسنا да нет спасибо продолжай хорошо
"""
_NOISE = frozenset(_SAYS_NOTHING.split())


def _ends(line: str) -> str:
    """The beginning and the end of a long line, which tell what it looks like."""
    return line if len(line) <= 600 else f"{line[:400]} {line[-200:]}"
