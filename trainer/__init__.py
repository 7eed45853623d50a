"""The language model: data, training, evaluation, export. Imports nothing heavy by itself."""
