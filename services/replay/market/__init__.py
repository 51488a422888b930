"""The replayed market: a pure function of the seed and the time, without I/O or clock.

`Market(seed, recorded, size)` holds what does not move: tokens, pools, their anchors.
`market.at(now_ms)` is the market at one second: a `Snapshot` whose figures are computed when read
for, so that an answer costs what it shows, not what the market holds.
"""
