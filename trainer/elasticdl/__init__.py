"""The trainer on ElasticDL: a master hands out tasks, workers compute gradients, parameter servers hold the model."""
