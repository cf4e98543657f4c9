"""What the choices offered cannot show depends on what was offered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from precocial.preferences.people.cautions import cautions
from precocial.preferences.people.choices import SOURCES
from tests.preferences.people.test_held_out import waiting
from tests.preferences.people.test_travel import travellers


def test_reversals_are_not_seen_when_the_sooner_amount_is_always_at_once() -> None:
    data = waiting([0, 1, 1, 0])
    assert any("never asked" in text for text in cautions(data))
    later = replace(data, columns=data.columns | {"delay_sooner": np.full(4, 3.0)})
    assert not any("never asked" in text for text in cautions(later))


def test_who_chose_is_doubted_for_example_data_alone() -> None:
    data = waiting([0, 1])
    assert not any("simulation" in text for text in cautions(data))
    example = replace(data, source=SOURCES["delay"].called)
    assert any("simulation" in text for text in cautions(example))


def test_a_survey_is_named_for_what_it_is() -> None:
    data = travellers(2)
    assert not any("survey" in text for text in cautions(data))
    swiss = replace(data, source=SOURCES["swissmetro"].called)
    said = " ".join(cautions(swiss))
    assert "survey" in said
    assert "delay" not in said
    assert "gamble" not in said
