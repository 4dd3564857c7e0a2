"""From the answers of a run's contenders to the fields of its JSON lines; alternate.py lists them."""
import statistics

import workload


def spread(values):
    return round((max(values) - min(values)) / statistics.median(values), 4)


def largest_difference(numbers, expected):
    if len(numbers) != len(expected):
        raise SystemExit(f"alternate: check: {len(numbers)} numbers, expected {len(expected)}")
    return max((abs(a - b) / max(1.0, abs(b)) for a, b in zip(numbers, expected)), default=0.0)


def faster(unit, value, peer_value):
    """How many times faster ours is: rates grow, seconds shrink."""
    return peer_value / value if unit == "s" else value / peer_value


def result(bench, case, ours, peer, difference=0.0):
    unit = workload.UNITS[bench]
    value, peer_value = statistics.median(ours.all("value")), statistics.median(peer.all("value"))
    ratios = [faster(unit, a, b) for a, b in zip(ours.all("value"), peer.all("value"))]
    line = {"bench": bench, "case": case, "value": round(value, 4), "unit": unit, "peer": peer.name,
            "peer_value": round(peer_value, 4), "ratio": round(faster(unit, value, peer_value), 4),
            "n": len(ours.answers), "spread": spread(ours.all("value")), "peer_spread": spread(peer.all("value")),
            "ratio_min": round(min(ratios), 4), "ratio_max": round(max(ratios), 4)}
    for prefix, contender in (("", ours), ("peer_", peer)):
        line |= parts(prefix, contender)
    return line | {"difference": float(f"{difference:.2g}")}


def parts(prefix, contender):
    found = {f"{prefix}{key}": round(statistics.median(contender.all(key)), 4)
             for key in ("prefill", "decode") if contender.all(key)}
    if contender.all("peak_mb"):
        found[f"{prefix}peak_mb"] = round(max(contender.all("peak_mb")))
    return found


def alone(bench, case, ours):
    values = ours.all("value")
    return {"bench": bench, "case": case, "value": round(statistics.median(values), 4), "unit": workload.UNITS[bench],
            "peer": None, "peer_value": None, "ratio": None, "n": len(values), "spread": spread(values)} | parts("", ours)


def shares(bench, sizes, model, limits, line, cases):
    """Fields that hold a line against the machine. cases: of ours and of the peer, {"": CASE, "peer_": CASE}."""
    gflops, read = (statistics.median(limits.all(key)) for key in ("value", "read_gbs"))
    added = {"sgemm_gflops": round(gflops, 1), "read_gbs": round(read, 1)}
    flops = workload.ModelFlops(model)
    for prefix, case in cases.items():
        value, decode = line.get(f"{prefix}value"), line.get(f"{prefix}decode")
        amount = {"rollout": lambda: sum(workload.new_tokens(case, sizes)), "labels": lambda: sizes["batch"],
                  "pm_train": lambda: sizes["batch"], "ppo": lambda: sizes["batch"],
                  "sft": lambda: sum(workload.train_lengths(case, sizes, sizes["batch"]))}.get(bench)
        if value and amount:
            added[f"{prefix}share"] = round(flops.work(bench, case, sizes) / amount() * value / gflops / 1e9, 4)
        if decode and bench == "rollout":
            wanted = [n for n in workload.new_tokens(case, sizes) if n > 1]
            each = sum(flops.decode(sizes["prompt"], n) for n in wanted) / max(1, sum(n - 1 for n in wanted))
            added[f"{prefix}decode_share"] = round(each * decode / gflops / 1e9, 4)
            if sizes["batch"] == 1 and not case.startswith("int8") and not str(line["peer"]).endswith("q8_0"):
                bytes_read = flops.read_bytes(sizes["prompt"], sizes["new"])
                added[f"{prefix}read_share"] = round(bytes_read * decode / read / 1e9, 4)
    return added
