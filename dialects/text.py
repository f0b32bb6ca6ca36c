"""Text out of the two forms that every dialect uses: a string, or a list of parts."""

from collections.abc import Iterator


def texts_of(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                yield text


def system_texts(message: object) -> Iterator[str]:
    """The texts of a message that speaks for the client."""
    if isinstance(message, dict) and message.get("role") in ("system", "developer"):
        yield from texts_of(message.get("content"))
