"""The notebook's form, clicked without a browser."""

import pytest
from proxylab.people import Ledger, scores_batch
from proxylab.preferences import PreferenceError

from .conftest import PROMPT, REPLIES

widget = pytest.importorskip("proxylab.people.widget", reason="needs the explore extra")


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def form(batch, ledger, clock):
    return widget.LabelForm(batch, ledger, "ann", clock=clock)


def test_each_click_is_in_the_ledger_at_once(form, batch, ledger, clock):
    first, second, third = batch.tasks
    clock.now = 4.0
    form.buttons["left"].click()
    clock.now = 5.5
    form.buttons["tie"].click()
    form.skip.click()
    said = ledger.read()[0]
    assert [a.task_id for a in said] == [first.task_id, second.task_id, third.task_id]
    assert [a.choice for a in said] == [first.left, "tie", None]
    assert [a.status for a in said] == ["answered", "answered", "skipped"]
    assert [a.seconds for a in said] == [4.0, 1.5, 0.0]
    assert said[0].chose_left
    assert form.current is None
    assert "3 of 3 answered" in form.status.value
    assert all(button.disabled for button in form.buttons.values())
    form.buttons["left"].click()  # after the end: nothing to answer
    assert len(ledger.read()[0]) == 3


def test_right_is_the_other_one(form, batch, ledger):
    form.buttons["right"].click()
    (said,) = ledger.read()[0]
    assert said.choice != batch.tasks[0].left
    assert said.chose_left is False


def test_opened_again_it_goes_on_where_it_was(form, batch, ledger):
    form.buttons["left"].click()
    form.harmful["right"].value = True
    form.comment.value = "half a thought"
    again = widget.LabelForm(batch, Ledger(ledger.path), "ann")
    assert again.current == batch.tasks[1]
    assert (again.harmful["left"].value, again.harmful["right"].value) == (False, True)
    assert again.comment.value == "half a thought"
    again.buttons["tie"].click()
    said = ledger.standing().counted[-1]
    assert said.comment == "half a thought"
    assert said.harmful == tuple({"first", "second"} - {batch.tasks[1].left})
    assert again.comment.value == ""  # the next question starts empty
    assert not again.harmful["right"].value
    assert ledger.standing().drafts == ()
    other = widget.LabelForm(batch, ledger, "bob")
    assert other.current == batch.tasks[0]  # another person starts anew


def test_a_draft_is_written_while_it_is_typed(form, ledger):
    form.comment.value = "first"
    form.comment.value = "first, then"
    drafts = ledger.read()[0]
    assert [a.comment for a in drafts] == ["first", "first, then"]
    assert {a.status for a in drafts} == {"draft"}
    assert ledger.standing().counted == ()


def test_undo_takes_back_and_shows_the_question_again(form, batch, ledger):
    assert form.undo.disabled
    form.comment.value = "sure"
    form.buttons["left"].click()
    form.buttons["tie"].click()
    form.undo.click()
    assert form.current == batch.tasks[1]
    form.undo.click()
    assert form.current == batch.tasks[0]
    assert form.comment.value == "sure"
    assert ledger.standing().counted == ()
    form.buttons["right"].click()
    now = ledger.standing()
    assert [a.chose_left for a in now.counted] == [False]
    assert len(now.replaced) == 2  # both are kept
    assert form.current == batch.tasks[1]


def test_undo_reaches_what_was_answered_before_it_was_opened(form, batch, ledger):
    form.buttons["left"].click()
    form.buttons["left"].click()
    again = widget.LabelForm(batch, ledger, "ann")
    again.undo.click()
    assert again.current == batch.tasks[1]


def test_texts_are_shown_as_text(ledger):
    import pandas as pd
    from proxylab.people import pairs_batch

    row = {"pair_id": "p", "prompt": "<script>x</script>", "chosen": "a & <b>b</b>", "rejected": ""}
    for warning in (False, True):
        batch = pairs_batch(pd.DataFrame([row]), warning=warning)
        form = widget.LabelForm(batch, ledger, f"ann {warning}")
        shown = form.question.value
        assert "<script>" not in shown
        assert "&lt;script&gt;x&lt;/script&gt;" in shown
        assert "a &amp; &lt;b&gt;b&lt;/b&gt;" in shown
        assert "(empty)" in shown
        assert shown.startswith("<details>") == warning  # folded until asked for
        assert ("Content warning" in form.show().children[0].value) == warning


def test_scores_are_not_for_this_form(ledger):
    with pytest.raises(PreferenceError, match="compares replies"):
        widget.LabelForm(scores_batch(["a"], [PROMPT], [REPLIES[0]]), ledger, "ann")
