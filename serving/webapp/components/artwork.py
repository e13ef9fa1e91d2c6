"""The dandelion that stands above the page, drawn as SVG: no file to ship, no font to miss."""

import base64
import math

_RINGS = ((20, 30.0, "#f2a900"), (16, 23.0, "#f8bf1c"), (12, 15.0, "#fdd835"))


def dandelion(pixels: int) -> str:
    """A flower seen from above, as an SVG document of this width and height."""
    rings = "".join(_ring(*ring) for ring in _RINGS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{pixels}" height="{pixels}" '
        f'viewBox="-34 -34 68 68" role="img" aria-label="A dandelion">{rings}'
        '<circle r="5.5" fill="#e09600"/></svg>'
    )


def dandelion_url(pixels: int) -> str:
    """The same as an address that holds it all: Streamlit strips SVG elements, but not pictures."""
    return f"data:image/svg+xml;base64,{base64.b64encode(dandelion(pixels).encode()).decode()}"


def _ring(petals: int, length: float, colour: str) -> str:
    width = 0.62 * math.tau * length / petals
    petal = f'<ellipse cy="{-length / 2:.1f}" rx="{width / 2:.1f}" ry="{length / 2:.1f}"/>'
    turned = (f'<g transform="rotate({360 * k / petals:.1f})">{petal}</g>' for k in range(petals))
    return f'<g fill="{colour}" stroke="#b97f00" stroke-width="0.3">{"".join(turned)}</g>'
