/**
 * How long to wait before the next try, in milliseconds: doubled each time, between half and all of
 * the ceiling, so that many browsers do not come back in the same instant.
 */
export function backoffMs(attempt, { first = 500, most = 15_000, random = Math.random } = {}) {
  const ceiling = Math.min(most, first * 2 ** attempt);
  return ceiling / 2 + (random() * ceiling) / 2;
}

/** Resolves after some time, or at once when the machine is back online. */
export function waitOrOnline(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
  });
}
