"""What a model is worth, measured on the test part of the text: figures, a page for people, and plots."""
