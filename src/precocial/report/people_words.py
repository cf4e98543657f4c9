"""Each kind of choice in its own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from precocial.preferences.people.held_out import CHANCE, FREQUENT, RATE, REGRESSION


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a page calls things.

    Attributes:
        options: what was chosen between.
        folds: how held-out choices were dealt, with {folds} and {deals}.
        baselines: of `held_out`, by name.
        models: by name.
        regression: what the logistic regression may use.
        rivals: heading of the comparison of models.
        contrast: the question of each pair of models.
        each: heading of the parameters.
        intervals: how their intervals were found.
        meanings: of each parameter.
        neutral: values of parameters that do nothing.
        normative: what the last section's question is.
    """

    options: str
    folds: str
    baselines: Mapping[str, str]
    models: Mapping[str, str]
    regression: str
    rivals: str
    contrast: Mapping[tuple[str, str], str]
    each: str
    intervals: str
    meanings: Mapping[str, str]
    neutral: Mapping[str, float]
    normative: str

    def name(self, key: str) -> str:
        """Of a model or baseline."""
        return self.models.get(key) or self.baselines.get(key) or key


def short(model: str) -> str:
    """A model's name in running text."""
    return model.replace("_", "-")


_OWN = {
    REGRESSION: "a logistic regression of each person on the same numbers",
    RATE: "each person's constant rate",
    FREQUENT: "always the person's more frequent option",
    CHANCE: "either option alike",
}
_FOLDS = (
    "Each person's choices were dealt into {folds} parts, {deals} times anew; each part is "
    "foretold from the person's other choices, so that every choice is held out."
)
_EACH = "What each person’s choices tell"
_GRID = (
    "Thick lines: posterior intervals, exact on a grid of values with a flat prior, which end "
    "where the grid ends whatever the choices say. Thin lines: what the likelihood alone allows "
    "(profile likelihood, the other parameters at their best); an arrow says that it is flat to "
    "the end of the grid, so that these choices do not bound the parameter on that side."
)
_NORMATIVE = (
    "Which reading is right is a normative question: whether what moves the choice is part of "
    "what the person wants, or a bias against it."
)

WORDS: Mapping[str, Words] = {
    "delay": Words(
        options="between a smaller amount sooner and a larger one later",
        folds=_FOLDS, baselines=_OWN, each=_EACH, intervals=_GRID, normative=_NORMATIVE,
        models={
            "hyperbolic": "hyperbolic discounting", "exponential": "exponential discounting",
            "quasi_hyperbolic": "quasi-hyperbolic discounting",
        },
        neutral={},
        regression="The regression is linear in amount and delay and holds no discounting.",
        rivals="Hyperbolic or exponential?",
        contrast={
            ("hyperbolic", "exponential"): "Hyperbolic or exponential discounting?",
            ("hyperbolic", "quasi_hyperbolic"): "Hyperbolic or quasi-hyperbolic discounting?",
        },
        meanings={
            "k": "how fast worth falls with delay: an amount at delay d is worth "
                 "1 / (1 + k d) of itself (hyperbolic) or exp(-k d) (exponential)",
            "present bias": "the share of worth that is left after any delay at all",
            "beta": "how steadily the option of more worth is taken, per unit of amount, times how "
                    "much a unit matters: the choices hold their product alone",
        },
    ),
    "risk": Words(
        options="between a gamble at even odds and a certain amount",
        folds=_FOLDS, baselines=_OWN, each=_EACH, intervals=_GRID, normative=_NORMATIVE,
        models={
            "prospect": "prospect theory (rho and lambda)",
            "loss_neutral": "the same without loss aversion (lambda = 1)",
            "linear": "the same with straight utility (rho = 1)",
        },
        neutral={"rho": 1.0, "lambda": 1.0},
        regression="The regression is linear in gain, loss and certain amount: it holds an "
                   "aversion to losses and no curve.",
        rivals="Are losses weighed apart, and is utility curved?",
        contrast={
            ("prospect", "loss_neutral"): "Does a lambda of each person's own help?",
            ("prospect", "linear"): "Does a rho of each person's own help?",
        },
        meanings={
            "rho": "how utility bends: an amount x is worth x^rho; below 1, large amounts count "
                   "for less than in proportion",
            "lambda": "how many times a loss counts as much as a gain of the same size; 1: alike",
            "mu": "how steadily the option of more utility is taken, times how much a unit of "
                  "utility matters: the choices hold their product alone, and the unit is that "
                  "of an amount of 1, which changes with rho",
        },
    ),
    "travel": Words(
        options="between train, Swissmetro and car",
        folds=(
            "People were dealt into {folds} parts, {deals} times anew; the choices of each part "
            "are foretold from those of all other people, so that everybody is held out."
        ),
        baselines={
            REGRESSION: "a logistic regression of all people on the same numbers",
            RATE: "constant shares of the modes",
            FREQUENT: "always the most frequent mode available",
            CHANCE: "every available mode alike",
        },
        models={"logit": "a logit of time, cost and mode"},
        regression="The regression gives every mode its own weight for each time, cost and "
                   "availability; where it foretells better, the four numbers of the logit leave "
                   "something out, and the value of time is the one that they allow.",
        neutral={"train": 0.0, "car": 0.0, "time": 0.0, "cost": 0.0},
        rivals="", contrast={},
        each="What the choices of all people together tell",
        intervals=(
            "Maximum-likelihood estimates, one set of coefficients for everybody; intervals are "
            "normal, clustered by person, as the answers of one person are alike."
        ),
        meanings={
            "train": "liking for the train beside Swissmetro, time and cost alike",
            "car": "liking for the car beside Swissmetro, time and cost alike",
            "time": "what 100 minutes more do to the utility of a mode",
            "cost": "what 100 francs more do to the utility of a mode; time over cost is the value "
                    "of time, free of the scale that all coefficients hold",
        },
        normative=(
            "Which reading is right is a normative question: whether what moves the choice of a "
            "mode, beside time and cost, is part of what people want from a trip or a habit."
        ),
    ),
}  # fmt: skip
