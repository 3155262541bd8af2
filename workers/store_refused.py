"""The store's one way to say no."""


class StoreRefused(Exception):
    """Stored bytes or keys are not what the signed manifest says, or cannot be read.

    The text is constant: neither the reason nor a library's words may leave the data plane.
    """

    def __init__(self) -> None:
        super().__init__("the store holds something else than its manifest says")
