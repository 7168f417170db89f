"""The figures as Markdown: medians over the rounds, ratios taken inside each round, and the gates that they must pass."""

import statistics

from measure import percentile

PLAIN, TLS = "direct", "direct tls"
GATE_POOLER, GATE_BULK, GATE_RELEASE_MS, GATE_FLAT_MIB = 0.8, 0.8, 50, 32


def median(rounds, key):
    return statistics.median(one[key] for one in rounds)


def ratio(paths, path, base, key):
    """`path` beside `base`, each round by itself; None where there is no such base."""
    if base not in paths or path not in paths:
        return None
    return statistics.median(a[key] / b[key] for a, b in zip(paths[path], paths[base]) if b[key])


def show(value):
    """A ratio: `.97`, `1.13`, nothing where there is none."""
    return "" if value is None else f"{value:.2f}".removeprefix("0")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if n == 0 else "---:" for n in range(len(head))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def pooler(path):
    return "pgbouncer tls" if path.endswith("tls") else "pgbouncer"


def select_summary(results):
    """One row for each workload, one column for each path: throughput beside the direct connection, which moves as well."""
    names = [name for name in next(iter(results.values())) if name != PLAIN]
    rows = []
    for workload, paths in results.items():
        direct = [one["tps"] for one in paths[PLAIN]]
        spread = f"±{(max(direct) - min(direct)) / 2 / statistics.median(direct):.0%}"
        rows.append([workload, spread] + [show(ratio(paths, name, PLAIN, "tps")) for name in names])
    cpu = ["CPU µs per transaction, 16 clients (simple / extended / prepared)", ""]
    for name in names:
        spent = [median(results[w][name], "cpu") for w in results if w.endswith("16")]
        cpu.append("" if name == TLS else " / ".join(f"{value:.0f}" for value in spent))
    return table(["throughput ÷ direct", "direct moved by", *names], [*rows, cpu])


def select_details(results):
    rows = []
    for workload, paths in results.items():
        for name, rounds in paths.items():
            between = name not in (PLAIN, TLS)
            rows.append([
                f"{workload}: {name}", f"{median(rounds, 'tps'):.0f}",
                show(None if name == PLAIN else ratio(paths, name, PLAIN, "tps")),
                show(ratio(paths, name, TLS, "tps") if name.endswith("tls") and name != TLS else None),
                show(ratio(paths, name, pooler(name), "tps") if between and not name.startswith("pgbouncer") else None),
                f"{median(rounds, 'p50'):.0f}", f"{median(rounds, 'p99'):.0f}",
                show(ratio(paths, name, TLS if name.endswith("tls") else PLAIN, "p99") if between else None),
                f"{median(rounds, 'cpu'):.1f}" if between else "",
            ])  # fmt: skip
    head = ["", "tps", "÷ direct", "÷ direct tls", "÷ pgbouncer", "p50 µs", "p99 µs", "p99 ÷ direct", "CPU µs"]
    return table(head, rows)


def bulk(results, sizes):
    rows = []
    for (how, relation), paths in results.items():
        for name, rounds in paths.items():
            between = name not in (PLAIN, TLS)
            speed = ratio(paths, PLAIN, name, "seconds")
            rows.append([
                f"{how} {relation}: {name}", f"{sizes[how, relation] / 1e6 / median(rounds, 'seconds'):.0f}",
                show(None if name == PLAIN else speed),
                show(ratio(paths, TLS, name, "seconds") if name.endswith("tls") and name != TLS else None),
                f"{median(rounds, 'cpu'):.2f}" if between else "",
                show(ratio(paths, name, "haproxy", "cpu") if between and name != "haproxy" else None),
                f"{max(one['peak'] for one in rounds) / 2**20:.0f}" if between else "",
                f"{max(one['grown'] for one in rounds) / 2**20:.0f}" if between else "",
            ])  # fmt: skip
    head = ["", "MB/s", "speed ÷ direct", "÷ direct tls", "CPU s", "CPU ÷ haproxy", "peak MiB", "grown MiB"]
    return table(head, rows)


def connections(paths):
    rows = []
    for name, rounds in paths.items():
        between = name not in (PLAIN, TLS)
        rows.append([
            name, f"{median(rounds, 'rate'):.0f}", show(None if name == PLAIN else ratio(paths, name, PLAIN, "rate")),
            show(ratio(paths, name, TLS, "rate") if name.endswith("tls") and name != TLS else None),
            f"{median(rounds, 'cpu'):.1f}" if between else "",
        ])  # fmt: skip
    return table(["", "connections / s", "÷ direct", "÷ direct tls", "CPU ms each"], rows)


def idle(results):
    rows = [[name, f"{one['each'] / 1024:.0f}", f"{one['base'] / 2**20:.1f}"] for name, one in results.items()]
    return table(["", "KiB per idle session", "MiB before"], rows)


def release(results):
    rows = []
    for name, (sent, answered) in results.items():
        ms = [f"{percentile(values, share) * 1e3:.1f}" for values in (sent, answered) for share in (0.5, 0.99)]
        rows.append([name, str(len(sent)), *ms])
    return table(["", "holds", "from the click: p50 ms", "p99 ms", "from its answer: p50 ms", "p99 ms"], rows)


def gates(select, bulks, releases, connects):
    """Each promise with what was measured; nothing where it was not measured."""
    found = []  # what, what was measured, whether it is good enough

    def gate(what, value, good):
        if value is not None:
            found.append((what, value, good(value)))

    for name in ("countersign", "countersign tls"):
        direct = TLS if name.endswith("tls") else PLAIN
        for workload, paths in select.items():
            value = ratio(paths, name, pooler(name), "tps")
            gate(f"{workload}: {name} ÷ {pooler(name)} ≥ {GATE_POOLER}", value, lambda it: it >= GATE_POOLER)
        for (how, relation), paths in bulks.items():
            value = ratio(paths, direct, name, "seconds")
            gate(f"{how} {relation}: {name} ÷ {direct} ≥ {GATE_BULK}", value, lambda it: it >= GATE_BULK)
            grown = max((one["grown"] / 2**20 for one in paths.get(name, [])), default=None)
            gate(f"{how} {relation}: {name} grows ≤ {GATE_FLAT_MIB} MiB", grown, lambda it: it <= GATE_FLAT_MIB)
        # The pooler hands used connections on, which ours never does; it has to keep up all the same.
        value = ratio(connects, name, pooler(name), "rate")
        gate(f"connections: {name} ÷ {pooler(name)} ≥ {GATE_POOLER}", value, lambda it: it >= GATE_POOLER)
        if name in releases:
            value = percentile(releases[name][0], 0.99) * 1e3
            gate(f"approval to release: {name}, p99 < {GATE_RELEASE_MS} ms", value, lambda it: it < GATE_RELEASE_MS)
    missed = [f"- **missed**: {what}: {value:.2f}" for what, value, good in found if not good]
    return f"{len(found) - len(missed)} of {len(found)} gates hold.\n\n" + "\n".join(missed)
