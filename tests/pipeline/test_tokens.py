"""Token counts: exact for the tables, careful for the model, learnt from what endpoints report."""

import threading

import pytest

from pipeline.tokens import HIGHEST_FACTOR, LOWEST_FACTOR, MESSAGE_OVERHEAD, TokenCounter


@pytest.mark.parametrize("text", ["", "word", "<|endoftext|>", "<|im_start|>", "灯台守", "\ud800", "\x00"])
def test_any_text_can_be_counted(text: str) -> None:
    counter = TokenCounter()
    assert counter.count(text) == counter.count(text) >= bool(text)


def test_a_long_run_of_one_letter_is_counted_without_a_stall() -> None:
    assert TokenCounter().count("a" * 200_000) == 25_000


def test_threads_share_one_counter() -> None:
    counter = TokenCounter()
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.extend(counter.count(f"turn {n}") for n in range(200)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 800
    assert sum(counts) == 4 * sum(counter.count(f"turn {n}") for n in range(200))


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        ("Meta-Llama-3-8B-Instruct", 1.1),
        ("Qwen3-4B", 1.1),
        ("SmolLM2-135M", 1.1),
        ("llama-2-7b", 1.2),
        ("", 1.2),
    ],
)
def test_known_families_get_the_smaller_margin(model: str, factor: float) -> None:
    assert TokenCounter().factor(model) == factor


def test_an_estimate_is_rounded_up_and_a_message_costs_its_template() -> None:
    counter = TokenCounter()
    estimate = counter.for_model("unknown")
    assert counter.count("word") == 1
    assert estimate.text("word") == 2
    assert estimate.message("word") == 2 + MESSAGE_OVERHEAD


@pytest.mark.parametrize(("share", "bound"), [(0.55, LOWEST_FACTOR), (5.0, HIGHEST_FACTOR)])
def test_the_factor_stays_within_bounds(share: float, bound: float) -> None:
    counter = TokenCounter()
    for _ in range(100):
        counter.observe("model", 1000, int(1000 * share))
    assert counter.factor("model") == pytest.approx(bound, abs=0.001)


@pytest.mark.parametrize(("estimated", "reported"), [(1000, 12), (1000, 0), (0, 1000), (1000, -1)])
def test_nothing_is_learnt_from_a_report_that_cannot_be_the_whole_prompt(
    estimated: int, reported: int
) -> None:
    """Some servers report only the tokens they had not cached."""
    counter = TokenCounter()
    counter.observe("model", estimated, reported)
    assert counter.factor("model") == 1.2


def test_a_prompt_keeps_the_measure_it_was_begun_with() -> None:
    counter = TokenCounter()
    begun = counter.for_model("model")
    counter.observe("model", 1000, 1300)
    assert begun.factor == 1.2
    assert counter.for_model("model").factor > 1.2
