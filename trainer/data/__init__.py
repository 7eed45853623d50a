"""From text to a data set: sources, words, parts, shards, and the data card."""
