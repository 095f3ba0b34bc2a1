import pytest
from proxylab.__main__ import _parser
from proxylab.cost import command


def ask(*arguments):
    return command.run(_parser().parse_args(["cost", *arguments]))


def test_it_says_hours_memory_downloads_and_money():
    said = ask("--profile", "paper", "--price-per-hour", "2")
    assert "hours on one NVIDIA H100 SXM at 0.3 of its peak" in said
    assert "EleutherAI/pythia-1b (model): 2.02 GB" in said
    assert "money: " in said


def test_it_says_which_runs_the_device_cannot_hold():
    assert "115 GiB of 80, and 6 runs need more than there is" in ask("--profile", "paper_elephant")
    assert "0 runs need more" in ask("--profile", "paper_elephant", "--device", "h200")


def test_it_says_what_the_hours_leave_out():
    said = ask("--profile", "gpu", "--device", "h200")
    # at 2 microseconds a token
    tokens = float(said.split("not in these hours: ")[1].split(" tokens")[0])
    hours = float(said.split("about ")[-1].split(" h on one thread")[0])
    assert hours == pytest.approx(tokens * 2e-6 / 3600, rel=0.02)


def test_twice_the_utilisation_is_less_time():
    def hours(share):
        words = ask("--profile", "gpu", "--utilisation", share).split(" hours on one")[0]
        return float(words.split()[-1])

    assert hours("0.6") < hours("0.3")


def test_unknown_names_are_errors_that_say_which():
    with pytest.raises(ValueError, match="paper"):
        ask("--profile", "papper")


def test_nothing_is_said_offline_or_where_nothing_is_fetched(monkeypatch):
    values = {"profile": "paper", "seed": 0, "data": "pku-safe-rlhf", "task": "harmless"}
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert command.before_download("measure_conflict", values) is None
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert command.before_download("clean", {"profile": "cpu", "seed": 0}) is None
    said = command.before_download("measure_conflict", values)
    assert "15.3 GB" in said  # 2.02 + 13.2 + 0.04
    assert "about" in said
    assert "more than its" not in said
    large = {"profile": "paper_elephant", "seed": 0, "data": "hub", "algorithm": "pro"}
    assert "GiB, which is more than its 80" in command.before_download("align", large)
