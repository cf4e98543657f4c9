"""What the choices that were offered cannot show, whatever was chosen."""

from __future__ import annotations

import numpy as np

from precocial.preferences.people.choices import SOURCES, ChoiceData

_UNKNOWN = (
    "Who made these choices is not said in the file, nor whether people did. If a simulation did, "
    "the model that foretells best may be the one that made them."
)
_AT_ONCE = (
    "The sooner amount could always be had at once. So the choices show how worth falls with the "
    "delay from now. Whether a preference is reversed when both amounts are far off, which is what "
    "parts hyperbolic from exponential discounting in kind, was never asked: here the two differ "
    "in the shape of the fall alone."
)
_LINEAR = (
    "Amounts are taken as worth what they are. If each further unit is worth less, the same "
    "choices mean a smaller k; no trial here varies the amount without a delay."
)
_DELAY_UNIT = "k is per unit of the file's delays; which unit that is, the file does not say."
_EVEN_ODDS = (
    "Every gamble is at even odds. How a person weighs probabilities cannot be seen: whatever "
    "weight they give to one half is taken for a part of what gains and losses are worth."
)
_ONE_CURVE = (
    "Gains and losses share one rho. With a rho for each, lambda would depend on the unit of money "
    "and mean something else."
)
_STATED = (
    "These are answers to a survey about trips on paper, and Swissmetro was never built: what "
    "people said they would do."
)
_ONE_TASTE = (
    "One set of coefficients is for everybody: the value of time is the sample's and nobody's own, "
    "and where people differ it is not their mean."
)


def cautions(data: ChoiceData) -> tuple[str, ...]:
    """Sentences, from the columns of the choices and from where they are from."""
    if data.kind == "travel":
        said = (_STATED,) if data.source == SOURCES["swissmetro"].called else ()
        return (*said, _ONE_TASTE)
    examples = [source.called for source in SOURCES.values() if source.package == "hbayesdm"]
    unknown = (_UNKNOWN,) if data.source in examples else ()
    if data.kind == "risk":
        return (*unknown, _EVEN_ODDS, _ONE_CURVE)
    at_once = (_AT_ONCE,) if not data.columns["delay_sooner"].any() else ()
    same = np.any(data.columns["delay_sooner"] == data.columns["delay_later"])
    return (*unknown, *at_once, *(() if same else (_LINEAR,)), _DELAY_UNIT)
