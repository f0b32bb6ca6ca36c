"""What we add to a small call: none of us, plain mitmdump, and ours, side by side in one run.

    python -m bench.latency [--calls 400]

One client, one connection kept open on each way, the ways taken in turns. Each call goes through
CONNECT and TLS on both sides to a scripted provider on loopback, as a tool's calls do.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.e2e.mitmdump import BIN, Mitmdump, clean_environment, free_block
from tests.fakes import Authority, Provider

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 1000 + b'"}]}'
WARM_UP = 30

CONFIG = """
providers:
  bench: {{hosts: [localhost], family: openai-chat}}
upstream_ca: {ca}
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=400)
    calls = options.parse_args().calls
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority(directory)
        provider = stack.enter_context(
            Provider(tls=authority.server_context("localhost"), http2=False, remember=1)
        )
        url = f"https://localhost:{provider.port}/v1/chat/completions"
        config = CONFIG.format(ca=authority.pem_path)
        ours = stack.enter_context(Mitmdump(directory / "ours", config))
        plain = stack.enter_context(plain_mitmdump(directory / "plain", authority.pem_path))
        ways = {
            "no proxy": httpx.Client(verify=authority.client_context(), trust_env=False),
            "plain mitmdump": plain,
            "ours, direct": ours.client(),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(WARM_UP + calls):
            for name, client in ways.items():
                started = time.perf_counter()
                client.post(url, content=BODY).raise_for_status()
                if turn >= WARM_UP:
                    took[name].append(time.perf_counter() - started)
        for client in ways.values():
            client.close()
    report(took)


@contextmanager
def plain_mitmdump(home: Path, upstream_ca: Path) -> Iterator[httpx.Client]:
    """mitmdump as it comes, with a certificate authority of its own."""
    home.mkdir()
    port = free_block()
    options = {
        "confdir": home,
        "ssl_verify_upstream_trusted_ca": upstream_ca,
        "connection_strategy": "lazy",
        "flow_detail": 0,
    }
    settings = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    process = subprocess.Popen(
        [str(BIN / "mitmdump"), "-q", "--mode", f"regular@127.0.0.1:{port}", *settings],
        env=clean_environment(home),
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for(home / "mitmproxy-ca-cert.pem", port)
        context = httpx.create_ssl_context(verify=str(home / "mitmproxy-ca-cert.pem"))
        proxy = f"http://127.0.0.1:{port}"
        yield httpx.Client(proxy=proxy, verify=context, trust_env=False)
    finally:
        process.terminate()
        process.wait()


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


def report(took: dict[str, list[float]]) -> None:
    base = statistics.median(took["no proxy"])
    print(f"{'way':16} {'p50':>8} {'p90':>8} {'added p50':>10}   (ms)")
    for name, seconds in took.items():
        p50, p90 = statistics.median(seconds), statistics.quantiles(seconds, n=10)[8]
        print(f"{name:16} {p50 * 1e3:8.2f} {p90 * 1e3:8.2f} {(p50 - base) * 1e3:10.2f}")


if __name__ == "__main__":
    main()
