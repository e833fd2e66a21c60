# SPDX-License-Identifier: MIT
"""Plots as SVG, with nothing but the standard library."""
import math
from xml.sax.saxutils import escape

W, H = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 76, 150, 44, 48
COLOURS = ["#c0392b", "#7f8c8d", "#2471a3", "#1e8449", "#b9770e", "#6c3483", "#117a65"]


def colour_of(names):
    """The same name has the same colour in every plot: names is the whole run's order."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def text(x, y, s, anchor="start", size=12, colour="#333", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{colour}" font-weight="{weight}">{escape(str(s))}</text>')


def line(x1, y1, x2, y2, colour="#ddd"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def short(v):
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if v >= limit:
            return f"{v / limit:.3g}{unit}"
    return f"{v:.3g}"


def page(title, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" width="{W}" height="{H}" '
            f'font-family="system-ui, sans-serif"><rect width="{W}" height="{H}" fill="#fff"/>'
            + text(16, 24, title, size=15, weight="bold") + "".join(body) + "</svg>\n")


def bars(title, unit, values, colours):
    """values: {name: value}"""
    names = [n for n, v in values.items() if v]
    top = max([values[n] for n in names], default=1)
    step = (H - TOP - 24) / max(len(names), 1)
    body = []
    for i, name in enumerate(names):
        y = TOP + i * step
        width = values[name] / top * (W - 300)
        body += [text(146, y + step * .62, name, "end"),
                 f'<rect x="152" y="{y + step * .2:.1f}" width="{width:.1f}" height="{step * .6:.1f}" '
                 f'fill="{colours[name]}"/>',
                 text(158 + width, y + step * .62, f"{short(values[name])} {unit}")]
    return page(title, body)


class Axis:
    def __init__(self, lo, hi, start, end, log):
        self.lo, self.hi, self.start, self.end, self.log = lo, hi, start, end, log

    def at(self, v):
        if self.log:
            v = max(v, self.lo)
            part = math.log(v / self.lo) / math.log(self.hi / self.lo)
        else:
            part = (v - self.lo) / (self.hi - self.lo)
        return self.start + part * (self.end - self.start)

    def ticks(self):
        if self.log:
            first, last = math.ceil(math.log10(self.lo)), math.floor(math.log10(self.hi))
            return [10.0 ** e for e in range(first, last + 1)]
        step = 10 ** math.floor(math.log10(self.hi - self.lo))
        while (self.hi - self.lo) / step < 4:
            step /= 2
        return [i * step for i in range(math.ceil(self.lo / step), math.floor(self.hi / step) + 1)]


def spread(ends, gap=14):
    """Moves labels apart that would lie on each other: [(y, name)], from the top."""
    placed, last = [], -math.inf
    for y, name in sorted(ends):
        last = max(y, last + gap)
        placed.append((last, name))
    return placed


def curves(title, x_label, y_label, series, colours, log_y=False, ticks=None):
    """series: {name: [(x, y)]}; ticks: [(x, label)] in place of numbers."""
    series = {n: p for n, p in series.items() if p}
    points = [p for line_ in series.values() for p in line_]
    if not points:
        return page(title, [])
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    x = Axis(min(xs), max(xs), LEFT, W - RIGHT, False)
    low = 10 ** math.floor(math.log10(max(min(ys), .1))) if log_y else 0
    y = Axis(low, max(ys) * 1.05, H - BOTTOM, TOP, log_y)
    body = [text(LEFT, H - 8, x_label), text(16, TOP - 6, y_label, size=11)]
    for t in y.ticks():
        body += [line(LEFT, y.at(t), W - RIGHT, y.at(t)), text(LEFT - 6, y.at(t) + 4, short(t), "end", 11)]
    for t, label in ticks or [(t, short(t)) for t in x.ticks()]:
        body += [line(x.at(t), TOP, x.at(t), H - BOTTOM), text(x.at(t), H - BOTTOM + 16, label, "middle", 11)]
    for name, line_ in series.items():
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in line_)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
    for at, name in spread([(y.at(p[-1][1]), n) for n, p in series.items()]):
        body.append(text(W - RIGHT + 8, at + 4, name, colour=colours[name]))
    return page(title, body)
