"""The networks, the models that fit them, and the state of a fit."""
