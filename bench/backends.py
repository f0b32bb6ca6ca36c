"""What each backend adds to a call, side by side in one run.

    python -m bench.backends [--calls 400] [--crowd 32]

The ways: straight to a scripted provider; through mitmdump as it comes, which holds an answer until
it is whole, and told to stream; through us with each backend; and LiteLLM's proxy, without us and
behind mitmdump as it comes: as a reverse proxy that streams, as the clients' HTTPS proxy that
maps the provider's address to LiteLLM's (which it cannot do while it streams), and like that with
LiteLLM's own calls leaving through one more. Clients and provider speak TLS, as tools and providers
do; LiteLLM is asked over plain HTTP, on loopback. Memory is off but where it is named.
"""

import argparse
import asyncio
import os
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench.load import Way, at_once, chat, in_turns
from gateway.litellm_proxy import LiteLLMProxy, Local
from routing.egress import Egress
from tests.e2e.litellm_environment import REQUIREMENTS, ROOT, place
from tests.e2e.mitmdump import BIN, Mitmdump, clean_environment, free_block

HOST = "localhost"
CHAT = "/v1/chat/completions"
SECONDS_TO_BE_UP = 600.0  # with the environment to be made
KEY = "sk-bench-of-the-provider"
CHUNKS = 40
SIZES = {"10 KB": 10_000, "200 KB": 200_000}
WARM_UP = 20
ROUNDS = 5

DIRECT = """
providers:
  bench: {{hosts: [localhost], family: openai-chat}}
upstream_ca: {ca}
"""
VIA_LITELLM = """
backend: {backend}
litellm: {{config: litellm.yaml, wait: 100, egress: {egress}}}
"""
STREAMING = ("--set", "stream_large_bodies=1")
MEMORY = "memory: {enabled: true}\n"


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--calls", type=int, default=400, help="with one client, on each way")
    options.add_argument("--crowd", type=int, default=32, help="clients that call together")
    chosen = options.parse_args()
    asyncio.run(measure(chosen.calls, chosen.crowd))


async def measure(calls: int, crowd: int) -> None:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, ca = stack.enter_context(scripted_provider())
        trust = ssl.create_default_context(cafile=ca)
        ways, processes = [Way("straight", HOST, port, CHAT, trust)], {}

        for name, more in {"plain mitmdump": (), "plain, streaming": STREAMING}.items():
            plain = stack.enter_context(plain_mitmdump(directory / name, ca, *more))
            ways.append(Way(name, HOST, port, CHAT, plain.trust, plain.port))
            processes[name] = plain.pid

        direct = DIRECT.format(ca=ca)
        proxies = {
            "ours, direct": direct,
            "ours, direct, memory": direct + MEMORY,
            "ours, litellm": direct + VIA_LITELLM.format(backend="litellm", egress="true"),
            "ours, litellm, no egress": (
                direct + VIA_LITELLM.format(backend="litellm", egress="false")
            ),
            "ours, sdk": direct + VIA_LITELLM.format(backend="sdk", egress="true"),
        }
        for name, config in proxies.items():
            ours = Mitmdump(
                directory / name, config, environment={"THE_KEY": KEY, "SSL_CERT_FILE": str(ca)}
            )
            (ours.home / "litellm").symlink_to(place().resolve(), target_is_directory=True)
            (ours.home / "litellm.yaml").write_text(litellm_yaml(port))
            stack.enter_context(ours)
            processes[name] = ours.process.pid
            ways.append(Way(name, HOST, port, CHAT, ours.trust(), ours.port))
            if pid := pid_of_litellm(ours):
                processes[f"{name}: its LiteLLM"] = pid

        config_alone = directory / "litellm.yaml"
        config_alone.write_text(litellm_yaml(port))
        behind = stack.enter_context(plain_mitmdump(directory / "behind", ca))
        let_out = Egress(behind.port, "nobody asks for it", both(directory, ca, behind.authority))
        async with (
            litellm_alone(config_alone, ca) as alone,
            litellm_alone(config_alone, ca, let_out) as between,
        ):
            _, host, its_port = alone.address
            key = alone.key or ""
            ways.append(Way("LiteLLM alone", host, its_port, CHAT, key=key))
            processes["LiteLLM alone"] = alone.status.pid or 0
            mode = f"reverse:{alone.status.url}"
            front = stack.enter_context(
                plain_mitmdump(directory / "front", ca, *STREAMING, mode=mode)
            )
            ways.append(Way("plain, LiteLLM", HOST, front.port, CHAT, front.trust, key=key))
            for name, litellm in {
                "plain, mapped to LiteLLM": alone,
                "plain before and behind LiteLLM": between,
            }.items():
                mapping = ("--map-remote", f"|https://{HOST}:{port}|{litellm.status.url}")
                mapped = stack.enter_context(plain_mitmdump(directory / name, ca, *mapping))
                its_key = litellm.key or ""
                ways.append(Way(name, HOST, port, CHAT, mapped.trust, mapped.port, its_key))
            report_memory("idle", processes)
            for size, length in SIZES.items():
                for stream in (False, True):
                    told = f"{size}, {'streamed' if stream else 'whole'}"
                    body = chat(length, stream=stream)
                    await in_turns(ways, body, WARM_UP)
                    report(f"{told}, 1 client", await in_turns(ways, body, calls))
                    took = await at_once(ways, body, crowd, crowd * ROUNDS * 2, ROUNDS)
                    report(f"{told}, {crowd} clients", took)
            report_memory("afterwards", processes)


@contextmanager
def scripted_provider() -> Iterator[tuple[int, Path]]:
    """In a process of its own, so that it does not share our interpreter's lock."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes", "--tls", "--chunks", str(CHUNKS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        ca = process.stdout.readline().partition(": ")[2].strip()
        url = process.stdout.readline().partition(": ")[2].strip()
        yield int(url.rpartition(":")[2]), Path(ca)
    finally:
        process.terminate()
        process.wait()


class Plain:
    """mitmdump as it comes, with a certificate authority of its own; it writes a log, as we do."""

    def __init__(self, home: Path, upstream_ca: Path, *more: str, mode: str) -> None:
        home.mkdir()
        self.port = free_block()
        options = {
            "confdir": home,
            "ssl_verify_upstream_trusted_ca": upstream_ca,
            "connection_strategy": "lazy",
        }
        told = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
        self.process = subprocess.Popen(
            [str(BIN / "mitmdump"), "--mode", f"{mode}@127.0.0.1:{self.port}", *told, *more],
            env=clean_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=(home / "log").open("wb"),
        )
        certificate = home / "mitmproxy-ca-cert.pem"
        wait_for(certificate, self.port)
        self.pid = self.process.pid
        self.authority = certificate
        self.trust = ssl.create_default_context(cafile=certificate)


@contextmanager
def plain_mitmdump(
    home: Path, upstream_ca: Path, *more: str, mode: str = "regular"
) -> Iterator[Plain]:
    plain = Plain(home, upstream_ca, *more, mode=mode)
    try:
        yield plain
    finally:
        plain.process.terminate()
        plain.process.wait()


def wait_for(certificate: Path, port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            if certificate.exists():
                return


def both(directory: Path, *authorities: Path) -> Path:
    """A file with the certificates of all of these."""
    bundle = directory / "both.pem"
    bundle.write_text("".join(authority.read_text() for authority in authorities))
    return bundle


def litellm_yaml(port: int) -> str:
    parameters = {
        "model": "openai/gpt",
        "api_base": f"https://{HOST}:{port}/v1",
        "api_key": "os.environ/THE_KEY",
    }
    models = [{"model_name": "gpt", "litellm_params": parameters}]
    routing = {"num_retries": 0, "disable_cooldowns": True}
    return yaml.safe_dump({"model_list": models, "router_settings": routing})


@asynccontextmanager
async def litellm_alone(
    config: Path, ca: Path, egress: Egress | None = None
) -> AsyncIterator[LiteLLMProxy]:
    """LiteLLM's proxy, started as ours is, and asked without us."""
    os.environ |= {"THE_KEY": KEY, "SSL_CERT_FILE": str(ca)}
    alone = LiteLLMProxy(Local(config, place(), REQUIREMENTS, egress=egress))
    await alone.start()
    try:
        await alone.wait_while_starting(SECONDS_TO_BE_UP)
        if alone.status.state != "up":
            raise RuntimeError(alone.status.detail)
        yield alone
    finally:
        await alone.stop()


def pid_of_litellm(proxy: Mitmdump) -> int | None:
    """Of the usual backend, once that is up."""

    def backend() -> dict[str, Any]:
        found: dict[str, Any] = proxy.ask("/health", proxy.shared_port)["backend"]
        return found

    proxy.wait_until(lambda: backend()["state"] == "up", 120)
    return backend().get("pid")


def report(what: str, took: dict[str, list[float]]) -> None:
    base50, base99 = middle_and_end(took["straight"])
    print(f"\n{what}: milliseconds\n\n| way | p50 | p99 | added, p50 | added, p99 |")
    print("| --- | --- | --- | --- | --- |")
    for name, seconds in took.items():
        p50, p99 = middle_and_end(seconds)
        added = "| |" if name == "straight" else f"| {p50 - base50:.2f} | {p99 - base99:.2f} |"
        print(f"| {name} | {p50:.2f} | {p99:.2f} {added}")


def middle_and_end(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds) * 1e3, statistics.quantiles(seconds, n=100)[98] * 1e3


def report_memory(when: str, processes: dict[str, int]) -> None:
    print(f"\nResident memory, {when}\n\n| process | MB |\n| --- | --- |")
    for name, pid in processes.items():
        status = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        print(f"| {name} | {int(found[1]) / 1024 if found else 0:.0f} |")


if __name__ == "__main__":
    main()
