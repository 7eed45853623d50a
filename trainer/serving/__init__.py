"""The model's HTTP server: NumPy in the process, no TensorFlow."""
