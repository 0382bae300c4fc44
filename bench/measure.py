"""What the benchmark commands share: interleaved runs, medians, tables and plots.

A machine is a name and a function that runs once and returns {measure: value}. Results are
{machine: {measure: {"median": m, "spread": s}}}; less is better unless the table says otherwise.
"""
import json
import math
import pathlib
import statistics
import sys

BAR, GAP, LEFT, WIDTH = 11, 9, 110, 520
COLOURS = ("#4878a8", "#d08040", "#60a060", "#a05080")


def interleave(machines, runs, warm_up=False, alternate=False):
    """Runs each machine in turn, RUNS times; prints each run; returns {machine: [sample]}.

    WARM_UP: one more round before, which does not count. ALTERNATE: each round in the other order,
    for where a machine pays for what the one before it left behind.
    """
    samples = {name: [] for name in machines}
    for number in range(-1 if warm_up else 0, runs):
        order = list(machines.items())
        for name, run in reversed(order) if alternate and number % 2 else order:
            sample = run()
            if number < 0:
                continue
            samples[name].append(sample)
            figures = " ".join(f"{key}={value:.3f}" for key, value in sample.items())
            print(f"run {number + 1} of {runs}, {name}: {figures}", file=sys.stderr)
    return samples


def summarise(samples):
    def of(values):
        return {"median": statistics.median(values), "spread": max(values) - min(values)}
    return {name: {key: of([s[key] for s in runs]) for key in runs[0] if all(key in s for s in runs)}
            for name, runs in samples.items()}


def ratio(results, machine, other, key):
    """The median of MACHINE over that of OTHER, or None."""
    ours = results.get(machine, {}).get(key)
    theirs = results.get(other, {}).get(key)
    return ours["median"] / theirs["median"] if ours and theirs and theirs["median"] else None


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def markdown(results, ours, references, keys):
    """A table: medians with spread of each machine, ratios of OURS to each of REFERENCES."""
    machines = [m for m in (*ours, *references) if m in results]
    pairs = [(m, r) for m in ours if m in results for r in references if r in results]
    lines = ["| measure | " + " | ".join([*machines, *(f"{m} / {r}" for m, r in pairs)]) + " |",
             "|---" * (1 + len(machines) + len(pairs)) + "|"]

    def cell(machine, key):
        value = results[machine].get(key)
        return f"{value['median']:.3f} ± {value['spread']:.3f}" if value else ""

    def quotient(value):
        return f"{value:.2f}" if value else ""

    for key in keys:
        cells = [cell(m, key) for m in machines]
        cells += [quotient(ratio(results, m, r, key)) for m, r in pairs]
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    means = [quotient(geometric_mean([ratio(results, m, r, k) for k in keys])) for m, r in pairs]
    lines.append("| geometric mean | " + " | ".join([""] * len(machines) + means) + " |")
    return "\n".join(lines)


def svg(results, ours, reference, keys, title):
    """Bars of how many times as fast as REFERENCE each of OURS is, on a logarithmic scale."""
    ours = [m for m in ours if m in results]
    speeds = {(k, m): 1 / r for k in keys for m in ours
              if (r := ratio(results, m, reference, k))}
    top = max([2, *speeds.values(), *(1 / s for s in speeds.values())])
    scale = WIDTH / 2 / math.log(top)
    middle = LEFT + WIDTH / 2
    row = BAR * len(ours) + GAP
    height = 50 + row * len(keys)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{height}" '
           'font-family="sans-serif" font-size="11">',
           f'<text x="8" y="16" font-size="13">{title}</text>']
    for number, machine in enumerate(ours):
        out.append(f'<text x="{8 + 90 * number}" y="34" fill="{COLOURS[number]}">{machine}</text>')
    for line, key in enumerate(keys):
        y = 44 + row * line
        out.append(f'<text x="{LEFT - 6}" y="{y + row / 2}" text-anchor="end">{key}</text>')
        for number, machine in enumerate(ours):
            speed = speeds.get((key, machine))
            if not speed:
                continue
            length = math.log(speed) * scale
            x, top_y = min(middle, middle + length), y + BAR * number
            out.append(f'<rect x="{x:.1f}" y="{top_y}" width="{abs(length):.1f}" '
                       f'height="{BAR - 1}" fill="{COLOURS[number]}"/>')
            out.append(f'<text x="{max(middle, middle + length) + 4:.1f}" y="{top_y + BAR - 2}">'
                       f'{speed:.2f}</text>')
    out.append(f'<line x1="{middle}" y1="40" x2="{middle}" y2="{height}" stroke="#404040"/></svg>')
    return "\n".join(out)


def add_output_options(parser):
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table to this file")
    parser.add_argument("--svg", type=pathlib.Path, help="write a plot to this file")


def write_outputs(options, results, table, plot):
    print(table)
    if options.markdown:
        options.markdown.write_text(table + "\n")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(plot + "\n")
