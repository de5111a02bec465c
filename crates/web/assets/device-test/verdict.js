/** What a device test's figures mean. No browser needed: see `tests/verdict.test.mjs`. */

// Where a video call begins to suffer, and where only sound is left. Loss as Jitsi's pre-join test
// takes it (5 % clips sound, 33 % makes it useless), delays after ITU-T G.114.
const GOOD = { loss: 1, rtt: 200, jitter: 30 };
const FAIR = { loss: 5, rtt: 400, jitter: 60 };
const USELESS_LOSS = 33;

const within = (figures, limit) =>
  figures.loss_percent <= limit.loss && figures.rtt_ms <= limit.rtt && figures.jitter_ms <= limit.jitter;

/**
 * Judges the connection. `outcome` is `{metrics}`, or `{failed: 'no-path'}` where neither UDP nor TCP
 * came through, or `{failed: 'not-tested'}` where the test itself failed, which says nothing.
 */
export function judgeConnection({ metrics, failed }) {
  if (failed === 'not-tested') {
    return verdict('not-run', ['connection-not-tested'], 'The connection could not be tested.', 'You can still join your visit.');
  }
  if (failed === 'no-path') {
    return verdict('fail', ['no-media-path'], 'Video cannot get through this network.', 'Try another network, such as your phone’s mobile data.');
  }
  const reasons = reasonsFor(metrics);
  if (metrics.loss_percent > USELESS_LOSS) {
    return verdict('fail', reasons, 'Your connection loses too much for a call.', 'Move closer to your Wi-Fi, or try another network.');
  }
  if (!within(metrics, FAIR)) {
    return verdict('warn', reasons, 'Your connection is weak. Sound may work better than video.', 'Turn your camera off if the sound breaks up.');
  }
  if (!within(metrics, GOOD)) {
    return verdict('warn', reasons, 'Your connection works. The picture may freeze at times.', 'Move closer to your Wi-Fi, and close other programs.');
  }
  return verdict('pass', reasons, 'Your connection works well.', '');
}

function reasonsFor(metrics) {
  const reasons = [];
  if (metrics.transport === 'tcp') reasons.push('tcp-only');
  if (metrics.loss_percent > GOOD.loss) reasons.push('lossy-connection');
  if (metrics.rtt_ms > GOOD.rtt) reasons.push('slow-connection');
  if (metrics.jitter_ms > GOOD.jitter) reasons.push('unsteady-connection');
  return reasons;
}

/** One part's outcome: how it came out, why, what that means and one thing to do about it. */
export function verdict(check, reasons, sentence, advice = '') {
  return { check, reasons, sentence, advice };
}

/** The worst part decides; parts that were not tested do not count. */
export function overall(checks) {
  for (const worst of ['fail', 'warn', 'pass']) if (checks.includes(worst)) return worst;
  return 'not-run';
}

/** The last word, with one thing to do. `parts` is what each part came to, in order. */
export function overallWords(parts) {
  const worst = overall(parts.map((part) => part.check));
  const first = parts.find((part) => part.check === worst);
  switch (worst) {
    case 'pass':
      return parts.some((part) => part.check === 'not-run')
        ? { title: 'What we could test works', advice: 'You can join your visit.' }
        : { title: 'You are ready', advice: 'Your camera, sound and connection work.' };
    case 'warn':
      return { title: 'You can join, with small problems', advice: first.advice };
    case 'fail':
      return { title: 'There is a problem', advice: `${first.advice} You can still join your visit.` };
    default:
      return { title: 'We could not test your device', advice: 'You can still join your visit.' };
  }
}

/** From probes `{sentAt, echoedAt?}` (milliseconds) to figures, or null where no echo came. */
export function summarise(probes, transport) {
  const trips = probes.filter((probe) => probe.echoedAt !== undefined).map((probe) => probe.echoedAt - probe.sentAt);
  if (trips.length === 0) return null;
  const steps = trips.slice(1).map((trip, index) => Math.abs(trip - trips[index]));
  return {
    rtt_ms: round(median(trips)),
    jitter_ms: round(steps.reduce((sum, step) => sum + step, 0) / Math.max(1, steps.length)),
    loss_percent: round((100 * (probes.length - trips.length)) / probes.length),
    transport,
  };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const round = (value) => Math.round(value * 10) / 10;

// Levels of a voice, in decibels below full scale: silence under the first, a distant voice under
// the second (testrtc takes -60 dB as too low).
const SILENT_DB = -60;
const QUIET_DB = -45;

/** What was heard, from the levels (dBFS) of the pieces of a recording: `silent`, `quiet` or `heard`. */
export function judgeLevels(levels) {
  const loud = [...levels].sort((a, b) => b - a)[Math.floor(levels.length / 20)] ?? -Infinity;
  if (loud < SILENT_DB) return 'silent';
  return loud < QUIET_DB ? 'quiet' : 'heard';
}

/** The browser's family, from its user agent string. */
export function browserFamily(userAgent) {
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'safari';
  if (/Edg\//.test(userAgent)) return 'edge';
  if (/Firefox\//.test(userAgent)) return 'firefox';
  if (/Chrome\//.test(userAgent)) return 'chrome';
  return /Safari\//.test(userAgent) ? 'safari' : 'other';
}
