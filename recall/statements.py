"""Recognise a statement, with or without "that" in front of it, and what only points at one.

Both what is to be remembered and what is to be forgotten may be put so.
"""

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
STATES = (
    rf"(?!(?:password|login|device|option|button|feature|token|cookie|state)s?\s+{_IS})"
    r"(?:(?:the|our|my|your|this|these|all|every)\s+)?"
    rf"{_NO_NOUN}[\w'./-]+(?:\s+(?:(?:of|for|in|on|at|to|from|with)\s+(?:(?:the|our|my)\s+)?)?"
    rf"{_NO_NOUN}[\w'./-]+){{0,6}}?\s+{_IS}\s+\S"
)
# The same behind "that", which may also point at something: "that failing test".
_POINTS = (
    r"(?:new|old|last|first|next|whole|other|previous|entire|one|just|silly|stupid|\w+ing|\w+ly)\s"
)
SAYS = (
    r"(?:(?:i|we|you|he|she|it|they|there|nobody|everybody|everyone)(?:'\w+)?|my|our|your|his|her|its"
    r"|their|the|an?|all|every|each|no|some|most|this|these|both|only)\s+\S"
    r"|[\w'./-]+(?:\s+[\w'./-]+){0,5}?\s+(?:have|had|will|would|can|could|do|did|does|means?|works?"
    rf"|goes|happens?|{_IS})(?!\w)|(?!{_POINTS})[\w'-]+\s+\w{{2,}}(?:s|ed)\s+\S"
)
# What is no statement by itself, but may point at one before it or behind it.
_POINTING = (
    "this that it these those them everything anything all das dies alles ça cela esto eso todo"
    " 这个 這個 它 これ それ"
)
POINTERS = {*_POINTING.split(), "this please", "that please", "it please", "the following", ""}
