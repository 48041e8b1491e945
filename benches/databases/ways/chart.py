"""A chart as SVG."""

from .machine import TABLE


def drawn(bars):
    """Bars of rows a second, to be read on white and on dark."""
    left, width, step, above = 270, 760, 30, 40
    height = above + step * len(bars) + 30
    most = max(rate for _, rate in bars)
    room = width - left - 90
    style = (
        "text{font:12px system-ui,sans-serif;fill:#5b6675}.title{font-size:14px;font-weight:600}"
        ".bar{fill:#2f7fc4}@media(prefers-color-scheme:dark){text{fill:#aab4c2}.bar{fill:#5aa3e0}}"
    )
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title">',
        f"<style>{style}</style>",
        f'<text class="title" id="title" x="12" y="22">Rows a second into a table of {TABLE}, by method</text>',
    ]
    for at, (name, rate) in enumerate(bars):
        y = above + step * at
        bar = max(1.0, room * rate / most)
        out.append(f'<text text-anchor="end" x="{left - 8}" y="{y + 17}">{escaped(name)}</text>')
        out.append(f'<rect class="bar" x="{left}" y="{y + 3}" width="{bar:.1f}" height="{step - 10}"/>')
        out.append(f'<text x="{left + bar + 6:.1f}" y="{y + 17}">{rate / 1e3:.1f} k</text>')
    out.append(f'<text text-anchor="middle" x="{left + room / 2:.0f}" y="{height - 8}">thousand rows a second</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")
