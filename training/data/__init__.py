"""MNIST and other digits, and the batches that a network is fitted to."""
