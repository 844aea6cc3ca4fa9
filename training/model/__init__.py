"""The networks, how each is fitted, and the state of a fit."""
