"""What we add to a call of LiteLLM's proxy, beside what mitmdump as it comes adds there.

    python -m bench.front [--calls 400] [--bytes 10000]

One LiteLLM for all who stand in front of it, a call each in turn: asked alone; behind mitmdump as a
reverse proxy that streams; behind mitmdump as the clients' HTTPS proxy, which maps the provider's
address to LiteLLM's; behind us as that. Then by a base URL, in clear. Then the first again where
LiteLLM's own calls leave through mitmdump, or through us; both have a LiteLLM of their own.
Calls are Chat Completions; memory is off.
"""

import argparse
import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench.backends import (
    CHAT,
    DIRECT,
    HOST,
    KEY,
    STREAMING,
    VIA_LITELLM,
    WARM_UP,
    both,
    litellm_alone,
    litellm_yaml,
    middle_and_end,
    pid_of_litellm,
    plain_mitmdump,
    scripted_provider,
)
from bench.load import Way, chat, in_turns
from routing.egress import Egress
from tests.e2e.litellm_environment import place
from tests.e2e.mitmdump import Mitmdump

AT_A_URL = """
backend: litellm
litellm: {{url: '{url}', key: {key}}}
"""


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--calls", type=int, default=400, help="on each way")
    options.add_argument("--bytes", type=int, default=10_000, help="of a call's body")
    chosen = options.parse_args()
    asyncio.run(measure(chosen.calls, chosen.bytes))


async def measure(calls: int, length: int) -> None:
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, ca = stack.enter_context(scripted_provider())
        config = directory / "litellm.yaml"
        config.write_text(litellm_yaml(port))
        behind = stack.enter_context(plain_mitmdump(directory / "behind", ca))
        let_out = Egress(behind.port, "nobody asks for it", both(directory, ca, behind.authority))
        alone = await stack.enter_async_context(litellm_alone(config, ca))
        between = await stack.enter_async_context(litellm_alone(config, ca, let_out))
        url, key = str(alone.status.url), alone.key or ""

        reverse = stack.enter_context(
            plain_mitmdump(directory / "reverse", ca, *STREAMING, mode=f"reverse:{url}")
        )
        mapped, around = (
            stack.enter_context(
                plain_mitmdump(directory / name, ca, "--map-remote", f"|https://{HOST}:{port}|{to}")
            )
            for name, to in (("mapped", url), ("around", str(between.status.url)))
        )
        direct = DIRECT.format(ca=ca)
        ours = Mitmdump(directory / "ours", direct + AT_A_URL.format(url=url, key=key))
        with_egress = Mitmdump(
            directory / "egress",
            direct + VIA_LITELLM.format(backend="litellm", egress="true"),
            environment={"THE_KEY": KEY, "SSL_CERT_FILE": str(ca)},
        )
        (with_egress.home / "litellm").symlink_to(place().resolve(), target_is_directory=True)
        (with_egress.home / "litellm.yaml").write_text(litellm_yaml(port))
        stack.enter_context(ours)
        stack.enter_context(with_egress)
        ours.wait_until(lambda: ours.ask("/health", ours.shared_port)["backend"]["state"] == "up")
        pid_of_litellm(with_egress)

        _, host, its_port = alone.address
        trust, trust_egress = ours.trust(), with_egress.trust()
        alone_by_itself = Way("LiteLLM alone", host, its_port, CHAT, key=key)
        # Each process once in a turn: the second call of a turn would find it warm.
        in_front = [
            alone_by_itself,
            Way("plain, reverse, streaming", HOST, reverse.port, CHAT, reverse.trust, key=key),
            Way("plain, mapped", HOST, port, CHAT, mapped.trust, mapped.port, key),
            Way("ours", HOST, port, CHAT, trust, ours.port),
        ]
        by_base_url = [
            alone_by_itself,
            Way("plain, reverse, streaming", "127.0.0.1", reverse.port, CHAT, key=key),
            Way("ours, base URL", "127.0.0.1", ours.port, f"/bench{CHAT}"),
        ]
        around_it = [
            alone_by_itself,
            Way("plain, both", HOST, port, CHAT, around.trust, around.port, between.key or ""),
            Way("ours, both", HOST, port, CHAT, trust_egress, with_egress.port),
        ]
        for stream in (False, True):
            for ways in (in_front, by_base_url, around_it):
                body = chat(length, stream=stream)
                await in_turns(ways, body, WARM_UP)
                report("streamed" if stream else "whole", await in_turns(ways, body, calls))


def report(what: str, took: dict[str, list[float]]) -> None:
    base = middle_and_end(took["LiteLLM alone"])[0]
    print(f"\n{what}: milliseconds\n\n| way | p50 | p99 | added, p50 |\n| --- | --- | --- | --- |")
    for name, seconds in took.items():
        p50, p99 = middle_and_end(seconds)
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {p50 - base:.2f} |")


if __name__ == "__main__":
    main()
