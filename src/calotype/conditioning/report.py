"""A prompt as it is read, in lines of text: parts, steps, chunks, tokens, weights."""

from __future__ import annotations

from collections.abc import Iterator

from calotype.conditioning.grammar import subprompts_by_step
from calotype.conditioning.prompt import Chunk, chunks
from calotype.conditioning.tokenizer import Tokenizer
from calotype.names import PromptWeighting


def describe_prompt(
    tokenizer: Tokenizer, prompt: str, weighting: PromptWeighting, steps: int
) -> Iterator[str]:
    """Lines for each part of a prompt, each text that it has at some step, and each chunk."""
    parts = subprompts_by_step(prompt, steps, literal=weighting == "none")
    for number, (weight, texts) in enumerate(parts, start=1):
        if len(parts) > 1:
            yield f"part {number} of {len(parts)}, weight {weight:g}"
        for text in dict.fromkeys(texts):
            if len(set(texts)) > 1:
                steps_of_text = [k for k, each in enumerate(texts) if each == text]
                yield f"steps {_format_steps(steps_of_text)}: {text}"
            yield from _chunks(tokenizer, chunks(tokenizer, text, weighting))


def _chunks(tokenizer: Tokenizer, found: list[Chunk]) -> Iterator[str]:
    room = tokenizer.max_length - 2
    for number, chunk in enumerate(found, start=1):
        yield f"chunk {number} of {len(found)}: {len(chunk.ids)} of {room} tokens"
        yield "  " + " ".join(
            name if weight == 1 else f"{name}*{weight:.4g}"
            for name, weight in zip(tokenizer.names(chunk.ids), chunk.weights, strict=True)
        )


def _format_steps(steps: list[int]) -> str:
    """Steps, counted from 1, as ranges: "1-4, 9"."""
    found: list[list[int]] = []
    for step in steps:
        if found and step == found[-1][1] + 1:
            found[-1][1] = step
        else:
            found.append([step, step])
    return ", ".join(f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in found)
