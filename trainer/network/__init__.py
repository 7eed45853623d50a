"""The context-embedding network: examples, layers, gradients, training, and its forms outside TensorFlow."""
