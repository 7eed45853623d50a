"""What a loaded model can be asked: words, probabilities, vectors, relevance, draws."""
