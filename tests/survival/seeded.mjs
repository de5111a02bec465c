/** Random numbers that ANTEROOM_TEST_SEED repeats. */
export function seeded() {
  const seed = Number(process.env.ANTEROOM_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  let state = seed;
  // Mulberry32: small, and good enough to choose moments.
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    seed,
    /** A whole number from `low` to `high`. */
    between: (low, high) => low + Math.floor(random() * (high - low + 1)),
    /** One of them. */
    one: (things) => things[Math.floor(random() * things.length)],
  };
}
