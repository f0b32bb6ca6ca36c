"""The settings: what may stand in config.yaml, and what it means."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from routing import yaml_source
from routing.errors import ConfigError
from routing.headers import LABEL
from routing.paths import expanded
from routing.port_registry import canonical
from routing.providers import Address, Provider
from routing.yaml_source import Place, Source

_EXPECTED: Final = {
    "missing": "is missing. Add it.",
    "model_type": "expected settings below it, one `name: value` a line.",
    "mapping_type": "expected settings below it, one `name: value` a line.",
    "dict_type": "expected settings below it, one `name: value` a line.",
    "tuple_type": "expected a list, such as [one, another].",
}

_MISPLACED: Final = "misplaced"

DEFAULTS: Final = Path(__file__).with_name("defaults.yaml")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression from character {error.pos} on") from error
    return text


def _address(value: object) -> Address:
    return Address.parse(value if isinstance(value, str) else "")


def _endpoint(text: str) -> str:
    base, path = re.fullmatch(r"(\w+://[^/]*)(/[\w./~-]*)?", text, re.ASCII), "HOST[:PORT][/PATH]"
    try:
        Address.parse(base[1] if base else "")
    except ValueError:
        # Never the value: it may hold a password.
        raise ValueError(f"expected http://{path} or https://{path}, and no more") from None
    return text


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("begins with a home directory that does not exist") from error


def _directory(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("expected a directory such as ~/work/shop")
    return path


def _mount(text: str) -> str:
    if not re.fullmatch(r"(/[\w.-]+)*", text):
        raise ValueError("expected a path such as /openai/v1")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w*-]+(\.[\w*-]+)*", text) or not re.search(r"\w", text):
        raise ValueError("expected a host's name such as api.example.com or *.example.com")
    return text.lower()


def _host_or_all(text: str) -> str:
    return text if text == "*" else _host(text)


def _name(text: str) -> str:
    """It begins a base URL's path, next to the paths that mean something by themselves."""
    taken = r"v\d.*|health|memory-routing|models|messages|chat|responses|embeddings"
    if not re.fullmatch(rf"(?!(?:{taken})$)[a-z0-9][\w.-]*", text):
        raise ValueError("expected a provider's name such as my-gateway, unlike an API's path")
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", text, re.ASCII):
        raise ValueError("expected a header's name such as User-Agent")
    return text


def _label(text: str) -> str:
    if not LABEL.fullmatch(text):
        raise ValueError("expected 1 to 128 visible ASCII characters without spaces")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Url = Annotated[Address, PlainValidator(_address)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Label = Annotated[str, AfterValidator(_label)]
File = Annotated[Path, AfterValidator(_expanded)]
Host = Annotated[str, AfterValidator(_host)]
HostOrAll = Annotated[str, AfterValidator(_host_or_all)]
Port = Annotated[int, Field(ge=1, le=65535)]
Text = Annotated[str, Field(min_length=1)]
Backend = Literal["direct", "litellm", "sdk"]
ViaLiteLLM = Literal["litellm", "sdk"]
"""Backends in which LiteLLM asks the provider: its proxy, or our app over its SDK."""


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def empty_means_default(cls, values: Any) -> Any:
        """`litellm:` with nothing behind it says nothing."""
        if not isinstance(values, dict):
            return values
        return {k: v for k, v in values.items() if v is not None or k not in cls.model_fields}


class UserRule(Settings):
    header: Annotated[str, AfterValidator(_header)] = "User-Agent"
    pattern: Pattern
    user: Label


class Users(Settings):
    default: Label = "default-dev"
    rules: tuple[UserRule, ...] = ()


class ProviderSettings(Settings):
    hosts: tuple[Host, ...] = ()
    family: Literal["openai-chat", "anthropic", "gemini"] = "openai-chat"
    api: Url | None = None
    mount: Annotated[str, AfterValidator(_mount)] = ""
    upstream: Url | None = None
    subscription_hosts: tuple[HostOrAll, ...] = ()


class Ports(Settings):
    shared: Port = 18800
    first: Port = 18801
    last: Port = 19799

    @model_validator(mode="after")
    def in_order(self) -> "Ports":
        if self.first > self.last:
            raise ValueError("`first` must not be greater than `last`")
        if self.first <= self.shared <= self.last:
            raise ValueError("`shared` must lie outside `first` to `last`, the projects' ports")
        return self


class LiteLLM(Settings):
    url: Url | None = None
    config: File | None = None
    port: Port | None = None
    key: SecretStr | None = None
    models: Mapping[str, str] = {}
    when_down: Literal["error", "direct"] = "error"
    wait: Annotated[float, Field(ge=0, le=120)] = 20.0
    forward_credentials: bool = False
    egress: bool = True
    """Whether the calls of a LiteLLM of ours leave through us."""
    log: File | None = None

    def place(self, backend: ViaLiteLLM) -> tuple[object, ...]:
        """Which LiteLLM it is, as opposed to how it is used."""
        if backend == "litellm" and self.url:
            return self.url, self.key_for(backend)
        port = self.port if backend == "litellm" else None
        return self.config, port, self.key_for(backend), self.log, self.egress

    def key_for(self, backend: ViaLiteLLM) -> SecretStr | None:
        """The key is that of the LiteLLM at `url`, where one is told."""
        return None if backend == "sdk" and self.url else self.key


class BackendRule(Settings):
    """Calls for which all that is named here is so go to this backend."""

    project: Annotated[File, AfterValidator(_directory)] | None = None
    """The project in this directory, and those in directories below it."""
    provider: Text | None = None
    model: Text | None = None
    """What clients call it; `*`, `?` and `[…]` stand for letters."""
    backend: Backend
    subscriptions: bool = False
    """Whether calls that a login pays for are meant too."""

    @model_validator(mode="after")
    def says_something(self) -> "BackendRule":
        if not (self.project or self.provider or self.model):
            raise ValueError(
                "says for no calls in particular. Add `project`, `provider` or `model`;"
                " for all other calls there is `backend` at the top"
            )
        if self.subscriptions and self.backend == "direct":
            raise ValueError(
                "`subscriptions` is for rules that lead to LiteLLM (`backend: litellm` or"
                " `backend: sdk`); calls that a login pays for go direct anyway. Leave it out"
            )
        return self


class Embedding(Settings):
    url: Endpoint | None = None
    model: Text | None = None
    key: SecretStr | None = None
    dimensions: Annotated[int, Field(ge=1, le=65536)] | None = None

    @model_validator(mode="after")
    def one_model(self) -> "Embedding":
        if self.url and not self.model:
            raise ValueError("`url` needs `model` next to it, the model to ask for there")
        if self.model not in (None, "none") and not self.url:
            raise ValueError(
                "`model` needs `url` next to it, where it is served; without both, the model that"
                " comes along is used, and with `model: none` memories are found by words only"
            )
        return self


class Memory(Settings):
    enabled: bool = True
    deadline: Annotated[float, Field(ge=0.005, le=10)] = 0.15
    budget: Annotated[int, Field(ge=50, le=50_000)] = 1_500
    report: bool = False
    longest_body: Annotated[int, Field(ge=1, le=1024)] = 32
    embedding: Embedding = Embedding()

    @property
    def longest_body_in_bytes(self) -> int:
        return self.longest_body * 1024 * 1024


class Cookies(Settings):
    keep: bool = False
    """On disk, over the end of the proxy."""


class Config(Settings):
    backend: Backend = "direct"
    backends: tuple[BackendRule, ...] = ()
    users: Users = Users()
    providers: Mapping[Annotated[str, AfterValidator(_name)], ProviderSettings] = {}
    ports: Ports = Ports()
    litellm: LiteLLM = LiteLLM()
    memory: Memory = Memory()
    cookies: Cookies = Cookies()
    upstream_ca: File | None = None
    idle_timeout: Annotated[int, Field(ge=30, le=86400)] = 3600

    @model_validator(mode="after")
    def somewhere_to_go(self) -> "Config":
        asks: list[tuple[Place, Backend]] = [(("backend",), self.backend)]
        asks += [(("backends", i, "backend"), rule.backend) for i, rule in enumerate(self.backends)]
        for place, backend in asks:
            if backend == "litellm" and not (self.litellm.url or self.litellm.config):
                raise _misplaced(
                    place,
                    "`backend: litellm` needs `litellm.url` (it runs already)"
                    " or `litellm.config` (we start it from that file)",
                )
            if backend == "sdk" and not self.litellm.config:
                raise _misplaced(
                    place, "`backend: sdk` needs `litellm.config`, the litellm.yaml to serve"
                )
        return self

    @model_validator(mode="after")
    def one_place_for_litellm(self) -> "Config":
        """Both may be told where each has its use: `config` is then what the SDK serves."""
        if self.litellm.url and self.litellm.config and "sdk" not in self.used_backends:
            raise _misplaced(
                ("litellm", "url"),
                "`url` (it runs already) and `config` (we start it): keep one of them",
            )
        return self

    @model_validator(mode="after")
    def providers_are_known(self) -> "Config":
        for number, rule in enumerate(self.backends):
            if rule.provider and rule.provider not in self.providers:
                what = f"is not a provider; {_meant(rule.provider, list(self.providers))}"
                raise _misplaced(("backends", number, "provider"), what)
        return self

    @property
    def used_backends(self) -> tuple[Backend, ...]:
        """Those that calls may go to, the usual one first."""
        return tuple(dict.fromkeys([self.backend, *(rule.backend for rule in self.backends)]))

    @cached_property
    def provider_list(self) -> tuple[Provider, ...]:
        return tuple(
            Provider(
                name=name,
                hosts=settings.hosts,
                family=settings.family,
                api=settings.api,
                mount=settings.mount,
                upstream=settings.upstream,
                subscription_hosts=settings.subscription_hosts,
            )
            for name, settings in self.providers.items()
        )


def file_of(usual: Path, environ: Mapping[str, str], given: str = "") -> tuple[Path, bool]:
    """Where the settings are, and whether somebody named that file, so that it has to be there."""
    named = given or environ.get("MEMPROXY_CONFIG")
    return (expanded(named), True) if named else (usual, False)


def load(
    path: Path | None, environ: Mapping[str, str] = os.environ, *, must_exist: bool = False
) -> Config:
    """The defaults and, over them, what the file says; a missing file says nothing."""
    defaults = yaml_source.read(DEFAULTS, {})
    if path is None or not path.exists():
        if must_exist:
            raise ConfigError(f"{path}: there is no such file.")
        return Config.model_validate(defaults.values)
    source = yaml_source.read(path, environ)
    config = understand(source, defaults)
    if config.upstream_ca and not config.upstream_ca.is_file():
        raise ConfigError(source.complain(("upstream_ca",), "there is no such file."))
    return config


def understand(source: Source, defaults: Source) -> Config:
    try:
        config = Config.model_validate(_merged(source.values, defaults.values))
    except ValidationError as error:
        told = [_tell(source, detail) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(told)) from None
    base = Path(source.name).parent
    return config.model_copy(
        update={
            "upstream_ca": _beside(base, config.upstream_ca),
            "backends": tuple(
                rule.model_copy(update={"project": _real(_beside(base, rule.project))})
                for rule in config.backends
            ),
            "litellm": config.litellm.model_copy(
                update={
                    "config": _beside(base, config.litellm.config),
                    "log": _beside(base, config.litellm.log),
                }
            ),
        }
    )


def _merged(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The user's rules come before ours; a provider of ours keeps what the user leaves out."""
    merged = dict(values)
    users, providers = values.get("users"), values.get("providers")
    if users is None:
        merged["users"] = defaults["users"]
    elif isinstance(users, dict):
        rules = users.get("rules") or []
        if isinstance(rules, list):
            merged["users"] = {**defaults["users"], **users}
            merged["users"]["rules"] = [*rules, *defaults["users"]["rules"]]
    if providers is None:
        merged["providers"] = defaults["providers"]
    elif isinstance(providers, dict):
        merged["providers"] = dict(defaults["providers"])
        for name, settings in providers.items():
            known = defaults["providers"].get(name, {})
            is_mapping = settings is None or isinstance(settings, dict)
            merged["providers"][name] = {**known, **(settings or {})} if is_mapping else settings
    return merged


def _tell(source: Source, detail: ErrorDetails) -> str:
    """File, line, key and remedy; never the value, which may be a secret."""
    place: Place = tuple(step for step in detail["loc"] if step != "[key]")
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    if detail["type"] == _MISPLACED:
        place = detail["ctx"]["place"]
    elif named := re.match(r"`(\w+)", message):  # a rule about several settings names one of them
        place = (*place, named[1])
    if detail["type"] == "extra_forbidden":
        meant = _meant(str(place[-1]), _keys_at(place[:-1]))
        return source.complain(place, f"is not a setting; {meant}")
    if expected := _EXPECTED.get(detail["type"]):
        return source.complain(place, expected)
    return source.complain(place, f"{message}{'' if message.endswith('?') else '.'}")


def _misplaced(place: Place, message: str) -> PydanticCustomError:
    """A mistake that shows only in comparison with other settings, and where it stands."""
    return PydanticCustomError(_MISPLACED, "{told}", {"place": place, "told": message})


def _meant(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}."


def _keys_at(place: Place) -> list[str]:
    """The settings that are known at a place."""
    model: type[Settings] = Config
    for step in place:
        if step in model.model_fields:  # else a name or a number of the user's own
            annotation = model.model_fields[str(step)].annotation
            parts = (annotation, *getattr(annotation, "__args__", ()))
            inner = (p for p in parts if isinstance(p, type) and issubclass(p, Settings))
            model = next(inner, model)
    return sorted(model.model_fields)


def _beside(base: Path, path: Path | None) -> Path | None:
    """A path in a file is meant from where that file lies."""
    return base / path if path else None


def _real(path: Path | None) -> Path | None:
    """Written as the registry writes its projects."""
    return Path(canonical(path)) if path else None
