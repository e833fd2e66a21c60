# SPDX-License-Identifier: MIT
"""From raw runs to medians, ratios, the table of targets, and the plots."""
import math
from statistics import median

import plot

OURS, FLOOR, NODE, UWS = "libsio", "floor", "node ws", "node uws"


class Results:
    """runs: [{"scenario", "server", ...what load printed}]"""

    def __init__(self, runs):
        self.runs = [r for r in runs if "failed" not in r]

    def of(self, scenario, server):
        return [r for r in self.runs if (r["scenario"], r["server"]) == (scenario, server)]

    def value(self, scenario, server, key):
        """The median over the rounds, or None."""
        values = [r[key] for r in self.of(scenario, server)]
        return median(values) if values else None

    def ratio(self, scenario, server, key="cpu_us", ours=OURS):
        """Ours by theirs, pairs of one round: a slow minute hits both."""
        theirs = {r["round"]: r[key] for r in self.of(scenario, server)}
        pairs = [r[key] / theirs[r["round"]] for r in self.of(scenario, ours) if theirs.get(r["round"])]
        return median(pairs) if pairs else None

    def latency(self, scenario, server, point):
        values = [r["latency_us"][point] for r in self.of(scenario, server)]
        return median(values) if values else None

    def memory(self, scenario, server):
        """[(connections, bytes above the empty server)]"""
        runs = self.of(scenario, server)
        if not runs:
            return []
        return [(at, median(r["rss"][i][1] - r["rss_before"] for r in runs))
                for i, (at, _) in enumerate(runs[0]["rss"])]


def figure(v, digits=3):
    if v is None:
        return "-"
    if v >= 1000:
        return f"{v:,.0f}".replace(",", " ")
    return f"{v:.{digits}g}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def cost_table(res, scenarios, servers):
    rows = []
    for name, what in scenarios.items():
        row = [what]
        for server in servers:
            cpu, user = res.value(name, server, "cpu_us"), res.value(name, server, "user_us")
            mark = "\\*" if any(r["saturated"] for r in res.of(name, server)) else ""
            row.append("-" if cpu is None else f"{figure(cpu)} ({figure(user, 2)}){mark}")
        rows.append(row)
    return table(["CPU us per operation (user)"] + servers, rows)


def ratio_table(res, scenarios, servers):
    others = [s for s in servers if s != OURS]
    rows = [[what] + [figure(res.ratio(name, s)) for s in others] for name, what in scenarios.items()
            if res.of(name, OURS)]
    return table(["libsio's CPU / theirs"] + others, rows)


def latency_table(res, scenario, servers):
    rows = [[s, figure(res.value(scenario, s, "rate"))] +
            [figure(res.latency(scenario, s, p)) for p in ("50", "90", "99", "99.9")] +
            [figure(res.value(scenario, s, "dropped"))]
            for s in servers if res.of(scenario, s)]
    return table(["us", "events/s", "p50", "p90", "p99", "p99.9", "not sent"], rows)


def memory_table(res, scenario, servers):
    rows = []
    for s in servers:
        line = res.memory(scenario, s)
        if line:
            per = [(n, b / n) for n, b in line]
            rows.append([s, figure(per[-1][0])] + [figure(b) for _, b in (per[0], per[-1])] +
                        [figure(slope(line)), figure(res.value(scenario, s, "wakeups")),
                         figure(res.value(scenario, s, "server_busy"))])
    return table(["bytes per connection", "connections", "at the first step", "at all",
                  "each further one", "wakeups in the window", "CPU"], rows)


def slope(line):
    (n0, b0), (n1, b1) = line[0], line[-1]
    return (b1 - b0) / (n1 - n0) if n1 > n0 else b1 / n1


def growth(res, server):
    """How much dearer a delivery is at the largest broadcast than at the smallest."""
    small, large = (res.value(s, server, "cpu_us") for s in ("bcast-100", "bcast-10000"))
    return large / small if small and large else None


def own_growth(res):
    """What of that is not the kernel's, whose sockets leave the caches at some number too."""
    ours, floor = growth(res, OURS), growth(res, FLOOR)
    return ours / floor if ours and floor else None


def best_peer_p99(res, scenario, servers):
    values = [v for s in servers if s not in (OURS, FLOOR)
              if (v := res.latency(scenario, s, "99")) is not None]
    return min(values) if values else None


def targets(res, servers, facts):
    """[(what, figure, limit)]; a figure of None was not measured."""
    def per(scenario):
        line = res.memory(scenario, OURS)
        return line[-1][1] / line[-1][0] if line else None

    def p99(scenario):
        ours, best = res.latency(scenario, OURS, "99"), best_peer_p99(res, scenario, servers)
        return ours / best if ours and best else None

    return [
        ("echo 32 B, CPU / floor", res.ratio("echo-32", FLOOR), 1.15),
        ("echo 1 KiB, CPU / floor", res.ratio("echo-1k", FLOOR), 1.15),
        ("echo 32 B, user CPU / Node ws", res.ratio("echo-32", NODE, "user_us"), 1 / 8),
        ("echo 1 KiB, user CPU / Node ws", res.ratio("echo-1k", NODE, "user_us"), 1 / 8),
        ("echo 32 B, 16 outstanding, CPU / Node ws", res.ratio("echo-16", NODE), 1 / 10),
        ("echo 32 B, 16 outstanding, CPU / uWebSockets.js", res.ratio("echo-16", UWS), 1 / 4),
        ("broadcast to 1000, 8 in flight, CPU / coalescing floor", res.ratio("bcast-8", FLOOR), 1.05),
        ("broadcast to 1000, 1 in flight, CPU / floor", res.ratio("bcast-1", FLOOR), 1.05),
        ("broadcast, cost of a delivery to 10 000 / to 100, as a multiple of the floor's",
         own_growth(res), 1.15),
        ("open and close, CPU / floor", res.ratio("connect", FLOOR), 1.3),
        ("polling echo, CPU / floor", res.ratio("polling", FLOOR), 1.3),
        ("binary 1 KiB, CPU / floor", res.ratio("binary-1k", FLOOR), 1.2),
        ("idle WebSocket, bytes", per("idle"), 1024),
        ("idle polling session, bytes", per("pollidle"), 4096),
        ("p99 at half of its own capacity / best peer's", p99("half"), 1),
        ("p99 at a rate common to all / best peer's", p99("common"), 1),
        ("libsio.so, stripped, bytes", facts.get("so_bytes"), 260 * 1024),
        ("from exec to listening, ms", facts.get("start_ms"), 5),
    ]


def target_table(rows):
    def verdict(v, limit):
        return "not measured" if v is None else "met" if v <= limit else "**missed**"
    return table(["target", "measured", "at most", ""],
                 [[what, figure(v), figure(limit), verdict(v, limit)] for what, v, limit in rows])


def parts_table(facts):
    parts = sorted(facts["so_parts"].items(), key=lambda part: -part[1])
    return table(["part", "bytes", "of all"],
                 [[name, figure(n), f"{100 * n / facts['so_bytes']:.0f} %"] for name, n in parts])


def quantile_ticks():
    return [(-math.log10(1 - q / 100), f"{q:g} %") for q in (10, 50, 90, 99, 99.9)]


def latency_plot(res, scenario, title, servers, colours):
    points = ("10", "25", "50", "75", "90", "95", "99", "99.5", "99.9")
    series = {s: [(-math.log10(1 - float(p) / 100), res.latency(scenario, s, p)) for p in points]
              for s in servers if res.of(scenario, s)}
    return plot.curves(title, "of the events were answered within", "us (log)", series, colours,
                       log_y=True, ticks=quantile_ticks())


def plots(res, servers):
    colours = plot.colour_of(servers)
    per_core = {s: 1e6 / v for s in servers if (v := res.value("echo-32", s, "cpu_us"))}
    delivered = {s: 1e6 / v for s in servers if (v := res.value("bcast-8", s, "cpu_us"))}
    memory = {s: [(n, b / 2**20) for n, b in res.memory("idle", s)] for s in servers}
    return {
        "throughput-echo.svg": plot.bars("Echo of 32 bytes, per second of CPU", "events", per_core, colours),
        "throughput-broadcast.svg":
            plot.bars("Broadcast to 1000, per second of CPU", "deliveries", delivered, colours),
        "latency-half.svg": latency_plot(
            res, "half", "Latency at half of each server's own capacity", servers, colours),
        "latency-common.svg": latency_plot(
            res, "common", "Latency at one rate for all", servers, colours),
        "memory.svg": plot.curves("Memory of idle WebSocket connections", "connections",
                                  "MiB above the empty server (log)", memory, colours, log_y=True),
    }
