"""Words in a picture."""

from typing import Any


def letters(size: tuple[int, int]) -> Any:
    """Letters that can be read in a picture of this size."""
    from PIL import ImageFont

    return ImageFont.load_default(max(9, round(min(size) / 38)))


def write(draw: Any, at: tuple[float, float], words: str, font: Any) -> None:
    """Dark letters with a light rim."""
    draw.text(at, words, fill=(38, 46, 58), font=font, stroke_width=max(1, round(font.size / 9)), stroke_fill=(255, 255, 255))
