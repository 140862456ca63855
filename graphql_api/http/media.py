"""Content negotiation: the media types and codings that a request accepts (RFC 9110, 12.5)."""

from functools import lru_cache


# Few entries, because they hold headers, which may be long.
@lru_cache(maxsize=64)
def preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """The offered media type with the highest quality, the first of several equal ones.

    None if a header `Accept` allows none of them. RFC 9110, 12.5.1: the most specific range that
    matches a media type gives its quality.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]

    def quality(media_type: str) -> float:
        main = media_type.partition("/")[0]
        for specific in (media_type, f"{main}/*", "*/*"):
            for name, value in ranges:
                if name == specific:
                    return value
        return 0.0

    best = max(offered, key=quality)
    return best if quality(best) > 0 else None


def accepts_coding(accept_encoding: str, coding: str) -> bool:
    """Whether a header `Accept-Encoding` lists this coding with a quality above 0."""
    return any(
        name == coding and quality > 0 for name, quality in map(_range, accept_encoding.split(","))
    )


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter[2:])
            except ValueError:
                return name, 0.0
    return name, 1.0
