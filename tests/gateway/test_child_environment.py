from pathlib import Path

import pytest

from gateway.child_environment import child_environment
from gateway.inside import marks
from routing.egress import Egress

EGRESS = Egress(40000, "made-up", Path("/ca/bundle.pem"))
OF_THE_USER = {
    "HTTPS_PROXY": "http://127.0.0.1:18800",
    "http_proxy": "localhost:18800",
    "NO_PROXY": "localhost,.corp",
    "no_proxy": "*",
    "SSL_CERT_FILE": "/ca/ours.pem",
    "SSL_VERIFY": "/ca/corp.pem",
    "DISABLE_AIOHTTP_TRUST_ENV": "True",
    "OPENAI_API_KEY": "sk-1",
}


def test_with_an_egress_every_client_is_led_there_and_trusts_it() -> None:
    told = child_environment(OF_THE_USER, "sk-master", EGRESS)

    proxies = {name: value for name, value in told.items() if name.lower().endswith("_proxy")}
    assert sorted(proxies) == sorted(
        [*("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), *("http_proxy", "https_proxy", "all_proxy")]
    )
    (proxy,) = set(proxies.values())
    assert proxy.startswith("http://litellm-")
    assert proxy.endswith(":made-up@127.0.0.1:40000")
    assert {name for name, value in told.items() if value == "/ca/bundle.pem"} == {
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    }
    assert not told.keys() & {"SSL_VERIFY", "DISABLE_AIOHTTP_TRUST_ENV"}
    assert told["OPENAI_API_KEY"] == "sk-1"
    assert told[marks.MARK_CALLS]


def test_each_process_has_a_name_of_its_own_there() -> None:
    first, second = (child_environment({}, "sk-master", EGRESS) for _ in range(2))

    assert first["HTTPS_PROXY"] != second["HTTPS_PROXY"]


def test_without_an_egress_the_users_own_proxy_is_kept_and_nothing_is_marked() -> None:
    told = child_environment(
        {**OF_THE_USER, "HTTPS_PROXY": "http://proxy.corp:3128", marks.MARK_CALLS: "1"}, "sk-master"
    )

    assert told["HTTPS_PROXY"] == "http://proxy.corp:3128"
    assert told["NO_PROXY"] == "localhost,.corp"
    assert told["SSL_CERT_FILE"] == "/ca/ours.pem"
    assert "http_proxy" not in told  # it led to us
    assert marks.MARK_CALLS not in told


@pytest.mark.parametrize("egress", [None, EGRESS], ids=["without", "with"])
def test_the_master_key_is_told_in_any_case(egress: Egress | None) -> None:
    assert child_environment({}, "sk-master", egress)["LITELLM_MASTER_KEY"] == "sk-master"
