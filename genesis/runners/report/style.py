"""How charts look: colours that colour-blind readers tell apart, and SVG whose colours follow the theme of the page."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Palette:
    """Colours by what they show."""

    ink: str = "#1d2530"
    muted: str = "#5d6876"
    line: str = "#c9d0d8"
    page: str = "#ffffff"
    measured: str = "#9aa4b0"
    before: str = "#c8561b"  # vermilion and blue of Okabe and Ito, darkened for thin lines
    after: str = "#0a6ebd"
    warn: str = "#b8860b"
    s3: str = "#12876a"  # further curves, after blue and vermilion: bluish green, purple, amber, sky, brown
    s4: str = "#a0529c"
    s5: str = "#c09a00"
    s6: str = "#3a9fbf"
    s7: str = "#8c5a3c"

    @property
    def curves(self) -> tuple[str, ...]:
        """Colours of curves that stand beside each other, in the order of their use."""
        return self.after, self.before, self.s3, self.s4, self.s5, self.s6, self.s7, self.measured


# Matplotlib writes literal colours only. These stand for the variables of the style sheet, which `svg` puts in their place.
THEMED = Palette(**{name: f"#0{k:x}f0a{k:x}" for k, name in enumerate(Palette.__dataclass_fields__, 1)})
LIGHT = Palette()
POSITIVE, NEGATIVE = (0.13, 0.49, 0.82), (0.87, 0.40, 0.11)  # of a correlation; seen on light and on dark

Draw = Callable[[Palette], "Figure"]


def _settings(palette: Palette) -> dict:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "genesis",
        "path.simplify": True,
        "path.simplify_threshold": 0.2,
        "font.family": "DejaVu Sans",
        "font.size": 7.5,
        "axes.titlesize": 8.0,
        "axes.labelsize": 7.5,
        "axes.edgecolor": palette.line,
        "axes.facecolor": "none",
        "axes.labelcolor": palette.muted,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "axes.formatter.limits": (-3, 5),
        "axes.formatter.useoffset": False,
        "figure.facecolor": "none",
        "grid.color": palette.line,
        "grid.linewidth": 0.5,
        "text.color": palette.ink,
        "xtick.color": palette.line,
        "ytick.color": palette.line,
        "xtick.labelcolor": palette.muted,
        "ytick.labelcolor": palette.muted,
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "xtick.major.size": 2.5,
        "ytick.major.size": 0.0,
        "xtick.major.width": 0.7,
        "legend.frameon": False,
    }


def new_figure(width: float, height: float, margins: tuple[float, float, float, float] | None = None) -> "Figure":
    """An empty figure [inch]; no pyplot, hence no state that outlives it.

    margins: left, right, bottom, top [point], for charts of which there are many; None: matplotlib measures what is needed, which
    takes as long as drawing.
    """
    from matplotlib.figure import Figure

    if margins is None:
        return Figure(figsize=(width, height), layout="constrained")
    figure = Figure(figsize=(width, height))
    left, right, bottom, top = margins
    across, up = 72.0 * width, 72.0 * height
    figure.subplots_adjust(left / across, bottom / up, 1.0 - right / across, 1.0 - top / up, wspace=0.16, hspace=0.12)
    return figure


def svg(draw: Draw, label: str) -> str:
    """A chart to stand inside HTML: no header, no names, text as text in the page's font, colours of the page's theme.

    label: what a screen reader says.
    """
    import matplotlib

    with matplotlib.rc_context(_settings(THEMED)):
        buffer = io.StringIO()
        draw(THEMED).savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(
        r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend|[A-Za-z]+Collection)_\d+"', "", text
    )
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for name in Palette.__dataclass_fields__:
        text = text.replace(getattr(THEMED, name), f"var(--{name})")
    text = re.sub(r"\s*\n\s*", "\n", text)
    box = re.search(r'viewBox="[^"]*"', text)
    start = f'<svg role="img" aria-label="{label}" {box.group() if box else ""}>'
    return re.sub(r"<svg [^>]*>", start, text, count=1)


def png(draw: Draw, dpi: int = 180) -> bytes:
    """The chart on white as a file."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture(draw, dpi), format="png", dpi=dpi)
    return buffer.getvalue()


def picture(draw: Draw, dpi: int = 150) -> np.ndarray:
    """The chart on white, (height, width, 3) uint8."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with matplotlib.rc_context(_settings(LIGHT)):
        figure = draw(LIGHT)
        figure.set_dpi(dpi)
        figure.set_facecolor("white")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()
