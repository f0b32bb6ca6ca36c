"""Who asks, and for which project."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from routing import headers
from routing.config import Users
from routing.facts import RequestFacts, shown
from routing.port_registry import Project
from routing.projects import Projects


@dataclass(frozen=True, slots=True)
class User:
    id: str
    matched_pattern: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Membership:
    """The project of a request; without one there is no memory, and `why` tells what was tried."""

    project: Project | None
    why: str


def user_of(facts: RequestFacts, users: Users) -> User:
    said = facts.header(headers.USER)
    if said and headers.LABEL.fullmatch(said):
        return User(said, None, f"the client said so in {headers.USER}")
    by_rule = _by_rule(facts, users)
    if said:
        why = f"{headers.USER} is not 1 to 128 visible ASCII characters, and {by_rule.why}"
        return User(by_rule.id, by_rule.matched_pattern, why)
    return by_rule


def _by_rule(facts: RequestFacts, users: Users) -> User:
    for rule in users.rules:
        for value in facts.values(rule.header):
            if re.search(rule.pattern, value):
                return User(rule.user, rule.pattern, f"{rule.header} matches {rule.pattern}")
    return User(users.default, None, "no rule matches")


def project_of(facts: RequestFacts, projects: Projects) -> Membership:
    """The first that answers wins: the port, the header, the directory the client declares."""
    return (
        _by_port(facts, projects)
        or _by_header(facts, projects)
        or _by_directory(facts, projects)
        or Membership(None, f"port {facts.listener} is shared and the client declares no directory")
    )


def _by_port(facts: RequestFacts, projects: Projects) -> Membership | None:
    project = projects.at_port(facts.listener)
    return Membership(project, f"port {facts.listener}") if project else None


def _by_header(facts: RequestFacts, projects: Projects) -> Membership | None:
    said = facts.header(headers.PROJECT)
    if not said:
        return None
    if PurePath(said).is_absolute():
        found = [project for project in [projects.containing(said)] if project]
    else:
        found = projects.named(said)
    if len(found) == 1:
        return Membership(found[0], f"{headers.PROJECT} names {shown(said)}")
    what = "more than one" if found else "no registered"
    return Membership(None, f"{headers.PROJECT} names {what} project: {shown(said)}")


def _by_directory(facts: RequestFacts, projects: Projects) -> Membership | None:
    for directory in facts.directories:
        if project := projects.containing(directory):
            return Membership(project, f"the client works in {shown(directory)}")
    if facts.directories:
        return Membership(None, f"{shown(facts.directories[0])} lies in no registered project")
    return None
