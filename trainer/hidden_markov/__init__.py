"""The hidden Markov language model: word classes z, P(w_i | w_<i) = sum_z P(z_i = z | w_<i) P(w_i | z)."""
