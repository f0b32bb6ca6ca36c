import gc

from addons.shorten_pauses import ShortenPauses


def test_the_looks_for_garbage_are_short_while_the_proxy_runs_and_no_longer() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    ours = ShortenPauses()

    ours.running()
    try:
        assert gc.get_threshold()[0] < usual[0]
        assert gc.get_freeze_count() > frozen + 1_000
    finally:
        ours.done()

    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == frozen == 0
