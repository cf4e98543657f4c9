"""Every pair of a story does the same; what one would do for the person differs."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import optimal
from precocial.preferences.worlds.stories import Story, anchoring, buttons, poker

STORIES = {"buttons": buttons(4), "poker": poker(), "anchoring": anchoring()}


@pytest.mark.parametrize("name", STORIES)
def test_all_pairs_do_what_is_seen(name: str) -> None:
    story = STORIES[name]
    live = ~story.mdp.terminal
    for pair in story.pairs:
        assert np.allclose(story.policy(pair)[live], story.behaviour[live]), pair


def best(story: Story, pair: str) -> np.ndarray:
    return optimal().policies(story.mdp, story.pairs[pair][1][None])[0]


def test_buttons_five_pairs_want_different_things() -> None:
    story = buttons(3)
    assert len(story.pairs) == 5
    returns = {
        pair: story.mdp.policy_return(story.behaviour[None], reward)[0]
        for pair, (_, reward) in story.pairs.items()
    }
    # With X pressed or not by a fair coin, after the first turn half the presses count as R(0).
    assert returns["plausible"] == pytest.approx(2.0)
    assert returns["rational"] == pytest.approx(3.0)
    assert returns["rational, negated"] == pytest.approx(-3.0)
    assert returns["indifferent"] == 0


def test_poker_the_label_decides_what_helps() -> None:
    story = poker()
    state = story.mdp.states.index("cards 0.5, Bob 0.75")
    assert story.behaviour[state, 1] == 1
    assert best(story, "confidence")[state, 0] == 1
    assert best(story, "pleasing")[state, 1] == 1
    sure = story.mdp.states.index("cards 1, Bob 1")
    assert best(story, "confidence")[sure, 1] == 1


def test_anchoring_is_a_bias_or_a_taste() -> None:
    story = anchoring()
    assert best(story, "bias")[1].tolist() == [1, 0]
    assert best(story, "taste")[1].tolist() == [0, 1]


def test_stories_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match="turns"):
        buttons(0)
    with pytest.raises(ConfigError, match="weight"):
        poker(1.0)
    with pytest.raises(ConfigError, match="tie"):
        poker(0.6)
