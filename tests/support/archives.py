"""Archives and other files of several images, and damage to them."""

from hypothesis import strategies as st


def mutate(data: st.DataObject, content: bytes) -> bytes:
    """Draw damage: some bytes are others, and the end may be missing."""
    damaged = bytearray(content)
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        damaged[place] = value
    return bytes(damaged[: data.draw(st.sampled_from([len(content), data.draw(places)]))])
