"""Which text of a model's answer is meant: the last answer, past thoughts, drafts and quotes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cascade.llm.growing import Growing
from cascade.llm.picking import pick
from cascade.llm.structured import AnswerError
from tests.helpers.asking import KEY_ACTION, write
from tests.helpers.effort import cpu
from tests.helpers.model_http import Reply
from tests.helpers.model_server import ModelServer

DRAFT, FINAL = '{"p": "A draft."}', '{"p": "The final one."}'

# How a thought is wrapped; its content in braces.
WRAPPERS = {
    "think": "<think>{}</think>",
    "upper case": "<THINK>{}</THINK>",
    "thinking": "<thinking>{}</thinking>",
    "ended by the other": "<think>{}</thinking>",
    "spaces": "< think >{}</ think >",
    "an attribute": '<think time="3 s">{}</think>',
    "thought": "<thought>{}</thought>",
    "thoughts": "<Thoughts>\n{}\n</Thoughts>",
    "reasoning": "<reasoning>{}</reasoning>",
    "reason": "<reason>{}</reason>",
    "analysis": "<analysis>{}</analysis>",
    "reflection": "<reflection>{}</reflection>",
    "monologue": "<inner_monologue>{}</inner_monologue>",
    "scratchpad": "<scratchpad>{}</scratchpad>",
    "a draft": "<draft>{}</draft>",
    "seed": "<seed:think>{}</seed:think>",
    "mistral": "[THINK]{}[/THINK]",
    "mistral in lower case": "[think]{}[/think]",
    "kimi": "◁think▷{}◁/think▷",
    "begin_of": "<|begin_of_thought|>{}<|end_of_thought|>",
    "cohere": "<|START_THINKING|>{}<|END_THINKING|>",
    "bars": "<|thinking|>{}<|/thinking|>",
    "gemma": "<|channel>thought\n{}<channel|>",
    "an older gemma": "<unused94>thought\n{}<unused95>",
    "harmony": "<|channel|>analysis<|message|>{}<|end|><|start|>assistant",
    "harmony in capitals": "<|channel|>Analysis<|message|>{}<|end|><|start|>assistant",
    "harmony's commentary": "<|start|>assistant<|channel|>commentary to=x<|message|>{}<|end|>",
    "harmony without an end": "<|channel|>analysis<|message|>{}<|channel|>x<|message|><|end|>",
    "a fold": '<details type="reasoning" done="true">\n<summary>x</summary>\n{}\n</details>',
}


def picked(content: str) -> str:
    try:
        return pick(content, "p")
    except AnswerError as error:
        return f"({error.flaw})"


def grown(content: str, size: int) -> str:
    growing = Growing("p")
    return "".join(growing.feed(content[at : at + size]) for at in range(0, len(content), size))


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("thought", [f"Shall I say {DRAFT}? No.", DRAFT, "", 'He said "{'])
def test_a_draft_in_a_thought_is_none(name: str, thought: str) -> None:
    wrapped = WRAPPERS[name].format(thought)
    for content in (
        wrapped + FINAL,
        f"{wrapped}\n\n```json\n{FINAL}\n```",
        f"{wrapped}{wrapped}Here it is: {FINAL}",
        f"<think>First.</think>{wrapped}{FINAL}",
    ):
        assert picked(content) == "The final one.", content
        for size in (1, 3, 1000):
            assert grown(content, size) == "The final one.", content


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_thought_alone_is_no_answer(name: str) -> None:
    wrapped = WRAPPERS[name].format(DRAFT)
    assert picked(wrapped) == "(only_thoughts)"
    assert picked(WRAPPERS[name].format(f"{DRAFT} \\o/") + " \n") == "(only_thoughts)"
    unclosed = wrapped[: wrapped.index(DRAFT) + len(DRAFT)]
    assert picked(unclosed) == "(only_thoughts)", "the thought does not end"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # A thought that quotes its own end, or its beginning.
        (f"<think>I close with </think> and then {DRAFT}. No.</think>{FINAL}", "The final one."),
        (f'<think>Like {{"p": "so </think> on"}}.</think>{FINAL}', "The final one."),
        (f"<think>No <think> in it: {DRAFT}</think>{FINAL}", "The final one."),
        (f"[THINK]</think>{DRAFT}[/THINK]{FINAL}", "The final one."),
        # One in another, and a second one after an answer.
        (f"<think>a<think>b</think>{DRAFT}</think>{FINAL}", "The final one."),
        (f"<think>a</think>{DRAFT}<think>Better so.</think>{FINAL}", "The final one."),
        (f"<think><reasoning>{DRAFT}</reasoning></think>{FINAL}", "The final one."),
        # The chat template has swallowed the beginning.
        (f"Shall I say {DRAFT}?</think>{FINAL}", "The final one."),
        (f'I begin {{"p": "so\n</think>{FINAL}', "The final one."),
        (f"We {DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{FINAL}",
            "The final one."),
        (f"analysisWe need {DRAFT}.assistantfinal{FINAL}", "The final one."),
        (f"{DRAFT}</think>", "(only_thoughts)"),
        (f"analysisWe need {DRAFT}.", "(only_thoughts)"),
        # The wrapper of an answer is a sign.
        (f"{DRAFT}<answer>{FINAL}</answer>", "The final one."),
        (f"<answer>{FINAL}</answer> It could have been {DRAFT}", "The final one."),
        (f"<|begin_of_solution|>{FINAL}<|end_of_solution|>", "The final one."),
        (f"<|START_RESPONSE|>{FINAL}<|END_RESPONSE|>", "The final one."),
        (f"<|channel|>final<|message|>{FINAL}<|return|>", "The final one."),
        # Words are one too; without any it is the last.
        (f"Draft 1: {DRAFT}\nDraft 2: {DRAFT}\nFinal: {FINAL}", "The final one."),
        (f"**Draft**\n```json\n{DRAFT}\n```\n**Final**\n```json\n{FINAL}\n```", "The final one."),
        (f"Final version: {FINAL}\nThe first draft was: {DRAFT}", "The final one."),
        (f"{FINAL}\n\nAn earlier attempt: {DRAFT}", "The final one."),
        (f"Draf: {DRAFT}\nVersi akhir: {FINAL}", "The final one."),
        (f"{DRAFT}{FINAL}", "The final one."),
        (f"{DRAFT}\nOr perhaps:\n{FINAL}", "The final one."),
        (f"{FINAL}\n{FINAL}", "The final one."),
        # What comes after an answer and is none takes it away from nobody.
        (f"{FINAL}<think>Was {DRAFT} better?</think>", "The final one."),
        (f"{FINAL}\n<think>", "The final one."),
        (f'{FINAL} {{"note": "I kept it short."}}', "The final one."),
        (f"{FINAL} {{I hope}} you like it :-{{", "The final one."),
        # But one that was begun anew and broke off does.
        (f'Draft: {DRAFT} Final: {{"p": "The fin', "(no_object)"),
        (f"{DRAFT}<think>Better: {FINAL}", "(only_thoughts)"),
        # Whose it is counts, not only what it is called.
        (f'{{"schema": {{"p": {DRAFT}}}}} {FINAL}', "The final one."),
        (f'{{"answer": {FINAL}}}', "(other_property)"),
        (f'{{"p": "a", "q": "b"}} {FINAL}', "The final one."),
        ('{"p": "The final <think>one</think>."}', "The final <think>one</think>."),
        ('{"p": "half \ufffd of it"}', "(broken_characters)"),
        ('{"p": "half \\ud83d of it"}', "(broken_characters)"),
        ('{"p": "it\\\'s"}', "(no_object)"),
        (f'{{"p": {"9" * 5000}}}', "(no_object)"),
        ('{"p": 5}', "(no_text)"),
    ],
)  # fmt: skip
def test_which_answer_is_meant(content: str, expected: str) -> None:
    assert picked(content) == expected


@pytest.mark.parametrize("name", ["mistral", "harmony", "gemma", "reasoning", "think"])
def test_a_draft_is_not_written_by_the_writer(name: str) -> None:
    good = json.dumps({"keyAction": "Mira opens the ledger."})
    draft = json.dumps({"keyAction": "A draft of it."})
    reply = Reply(content=WRAPPERS[name].format(draft) + good)
    with ModelServer(behave=lambda _: reply) as server:
        [(deltas, answer)] = write(server, KEY_ACTION)
    assert answer.text == "".join(deltas) == "Mira opens the ledger."


SIGNS = [
    "{", "}", '"', "\\", " ", "\n", "<", "[", "a", "1", "/", "`", "◁", "\u00e9",
    "{}", '{"', "{ ", "[[", "< ", '{"a":[', '{"a":', '{"a":[[', '{"p":"', '{"p":"x"}', '{"p":"x",',
    "<think>", "</think>", "<think ", "<think></think>", "[THINK]", '{"\\', '"{', '{"p":',
    "<|channel|>a", "<channel|>", "assistantfinal", "<details ", "<a reasoning", "final {", "-1",
]  # fmt: skip


# What takes no longer is fast enough for any text, and too short to be compared.
QUICK_S = 0.4
TRIES = 5
WHOLE = 200_000


def check_linear(work: Callable[[str], object], text: Callable[[int], str]) -> None:
    """A quarter of the text shows whether it is worth measuring the whole."""
    quarter = cpu(work, text(WHOLE // 4))
    # Work that grows with the square of the text is a sixteenth here, and not yet most of it: where
    # it makes the whole three times its half, it makes a quarter 2.4 times its own.
    if quarter <= QUICK_S / 16 or quarter <= 2.3 * cpu(work, text(WHOLE // 8)):
        return
    if cpu(work, text(WHOLE)) > QUICK_S:
        # A machine that is busy makes a try slower now and then, and work that grows with the
        # square is four times as much in every try.
        once, twice = text(WHOLE // 2), text(WHOLE)
        assert any(cpu(work, twice) <= 3 * cpu(work, once) for _ in range(TRIES))


@pytest.mark.parametrize("begun", ["", "<think>", '{"p": "', '{"p": "a'])
@pytest.mark.parametrize("sign", SIGNS)
def test_twice_the_text_is_no_more_than_three_times_the_work(sign: str, begun: str) -> None:
    def text(size: int) -> str:
        return begun + sign * (size // len(sign))

    check_linear(picked, text)
    check_linear(lambda text: grown(text, 97), text)
