"""What a reward can be, given behaviour: null spaces, intervals, distances, regret."""
