"""What can go wrong with a request to another system. Paths and queries of URLs may hold secrets and are not told."""

from __future__ import annotations

from serai.errors import Refused, Unavailable


class AddressRefused(Refused):
    """The URL leads where this deployment does not allow requests to go."""

    slug = "address-refused"
    title = "The address may not be reached"

    def __init__(self, host: str, refusal: str) -> None:
        super().__init__(
            f"{host} may not be reached: {refusal}",
            hint="the operator lists further networks in `allow` of [kernel.outgoing]",
        )


class NoAnswer(Unavailable):
    """The other system gave no answer that can be used: unreachable, too slow, too long, not HTTP."""

    slug = "no-answer"
    title = "Another system does not answer"
