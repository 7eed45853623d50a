"""Count models, and their mixture with the network and the hidden Markov model."""
