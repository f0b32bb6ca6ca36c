"""The memory engine: stores what was said, finds what helps, forgets for good.

Two ways lead through it, and read best in this order:

    learn    learn → drafts → redact, passages, wishes, stances, rules → sqlite_store → rows
    recall   engine → scopes → sqlite_store → index → postings, vectors → ranking, standing,
             threshold → render

`records` holds the values that go in and out, `store` the protocol between the two.
"""
