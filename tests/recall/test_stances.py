"""What a user has decided or prefers."""

import pytest

from recall.records import Kind
from recall.stances import stance


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("We decided to keep the lock in the database.", Kind.DECISION),
        ("It took a while. In the end we settled on one table.", Kind.DECISION),
        ("Let’s go with the second option.", Kind.DECISION),
        ("The plan is to move in May.", Kind.DECISION),
        ("Wir haben uns für eine Tabelle entschieden.", Kind.DECISION),
        ("I prefer short answers.", Kind.PREFERENCE),
        ("I'd rather use tabs.", Kind.PREFERENCE),
        ("Please don't add emojis.", Kind.PREFERENCE),
        ("Je préfère les phrases courtes.", Kind.PREFERENCE),
        ("Should we decide to move?", None),
        ("If we decided to move, it would hurt.", None),
        ("Have we decided on the table?", None),
        ("I like to know how it works.", None),
        ("The user prefers tabs.", None),
    ],
)
def test_decisions_and_preferences_are_the_users_own(said: str, kind: Kind | None) -> None:
    assert stance(said) is kind
