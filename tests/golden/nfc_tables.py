"""Writes model/nfc_tables.inc, the canonical decompositions and combining classes of Unicode.

Run with CPython 3.11 (Unicode 14.0.0, the same as Oniguruma 6.9.8's): python3 tests/golden/nfc_tables.py
"""
import pathlib
import sys
import unicodedata

HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic
points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in HANGUL]

rows = []
for c in points:
    parts = unicodedata.decomposition(chr(c)).split()
    if not parts or parts[0].startswith("<"):
        continue
    first, second = int(parts[0], 16), int(parts[1], 16) if len(parts) > 1 else 0
    composes = second != 0 and unicodedata.normalize("NFC", chr(c)) == chr(c)
    rows.append(f"{{0x{c:X},0x{first:X},0x{second:X},{int(composes)}}}")

runs = []
for c in points:
    ccc = unicodedata.combining(chr(c))
    if ccc and runs and runs[-1][1] == c - 1 and runs[-1][2] == ccc:
        runs[-1][1] = c
    elif ccc:
        runs.append([c, c, ccc])


def lines(items, per_line):
    return "".join(",".join(items[i:i + per_line]) + ",\n" for i in range(0, len(items), per_line))


out = pathlib.Path(__file__).parents[2] / "model" / "nfc_tables.inc"
out.write_text(
    f"// Unicode {unicodedata.unidata_version}; written by tests/golden/nfc_tables.py.\n"
    "constexpr Decomposition kDecompositions[] = {\n" + lines(rows, 4) + "};\n"
    "constexpr ClassRun kClassRuns[] = {\n"
    + lines([f"{{0x{a:X},0x{b:X},{k}}}" for a, b, k in runs], 5) + "};\n")
print(len(rows), "decompositions,", len(runs), "runs", file=sys.stderr)
