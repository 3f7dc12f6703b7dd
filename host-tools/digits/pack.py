"""Packs digits.csv.gz into digits.bin; README.md has the layout. python3 pack.py digits.csv.gz > digits.bin"""
import gzip
import sys

records, nibbles = bytearray(), []
for line in gzip.open(sys.argv[1], "rt"):
    *pixels, label = (int(float(field)) for field in line.split(","))
    assert len(pixels) == 64 and all(0 <= p <= 16 for p in pixels) and 0 <= label <= 9
    mask = sum(1 << i for i, p in enumerate(pixels) if p)
    start = len(nibbles) // 2
    nibbles += [p - 1 for p in pixels if p]
    nibbles += [0] * (len(nibbles) % 2)
    records += label.to_bytes(1, "little") + start.to_bytes(2, "little") + mask.to_bytes(8, "little")
sys.stdout.buffer.write(records + bytes(a | b << 4 for a, b in zip(nibbles[::2], nibbles[1::2])))
