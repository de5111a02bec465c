/** The device test: four checks one after another, each told in words. Nothing here blocks joining. */
import { postJson } from '../http.js';
import { CaptureError, capture } from '../media/capture.js';
import { explain, reasonCode } from '../media/errors.js';
import { listenTo, playTone } from './microphone.js';
import { measure } from './probe.js';
import { browserFamily, judgeConnection, overall, overallWords, verdict } from './verdict.js';

const byId = (id) => document.getElementById(id);
const panel = byId('device-test');
const start = byId('test-start');

const TONES = { pass: 'good', warn: 'fair', fail: 'bad', 'not-run': 'unknown' };
const WORDS = { pass: 'Works', warn: 'Works, with a small problem', fail: 'There is a problem', 'not-run': 'Could not be tested' };

const FIRST_FRAME_MS = 5_000;

function say(name, tone, outcome, advice = '') {
  const item = panel.querySelector(`[data-check="${name}"]`);
  item.dataset.tone = tone;
  item.querySelector('.outcome').textContent = outcome;
  item.querySelector('.advice').textContent = advice;
  item.querySelector('.advice').hidden = advice === '';
}

function reveal(element) {
  element.hidden = false;
  element.scrollIntoView({ block: 'nearest' });
}

/** Runs one check and shows what it came to. A fault of ours is "could not be tested". */
async function check(name, run) {
  say(name, 'running', 'In progress…');
  let result;
  try {
    result = await run();
  } catch {
    result = verdict('not-run', [], 'You can still join your visit.');
  }
  const { check: outcome, sentence, advice } = result;
  say(name, TONES[outcome], WORDS[outcome], [sentence, advice].filter(Boolean).join(' '));
  return result;
}

function refusal(error, device) {
  if (!(error instanceof CaptureError)) throw error;
  const { happened, advice } = explain(error.kind, device);
  return verdict('fail', [reasonCode(error.kind, device)], happened, advice);
}

const question = (name) => ({
  onQuestion: () => say(name, 'running', 'In progress…', 'Look for your browser’s question and choose Allow.'),
});

async function checkCamera() {
  try {
    const stream = await capture({ video: { facingMode: 'user' } }, question('camera'));
    const preview = byId('test-preview');
    preview.srcObject = stream;
    reveal(preview);
    // Browsers play by themselves only what is in sight.
    preview.play().catch(() => {});
    // A camera that opens and sends nothing is held by another program, or covered by its driver.
    if (!(await firstFrame(preview))) throw new CaptureError('in-use');
    return verdict('pass', [], 'You should see yourself here.');
  } catch (error) {
    return refusal(error, 'camera');
  }
}

function firstFrame(video) {
  return new Promise((resolve) => {
    video.addEventListener('loadeddata', () => resolve(true), { once: true });
    setTimeout(() => resolve(false), FIRST_FRAME_MS);
  });
}

async function checkMicrophone() {
  let stream;
  try {
    stream = await capture({ audio: true }, question('microphone'));
  } catch (error) {
    return refusal(error, 'microphone');
  }
  say('microphone', 'running', 'In progress…', 'Say a few words.');
  reveal(byId('test-level'));
  try {
    const heard = await listenTo(stream, (level) => (byId('test-meter').value = level));
    return {
      heard: verdict('pass', [], 'We can hear you.'),
      quiet: verdict('warn', ['microphone-quiet'], 'We can hardly hear you.', 'Move closer to the microphone.'),
      silent: verdict('fail', ['microphone-silent'], 'We hear nothing.', 'Check that your microphone is not muted.'),
    }[heard];
  } finally {
    for (const track of stream.getTracks()) track.stop();
    byId('test-level').hidden = true;
  }
}

async function checkSpeaker() {
  reveal(byId('test-tone'));
  const answered = answer();
  let heard;
  try {
    // Some answer while it still plays.
    heard = await Promise.race([answered, playTone().then(() => answered)]);
  } finally {
    byId('test-tone').hidden = true;
  }
  return heard
    ? verdict('pass', [], 'You can hear us.')
    : verdict('fail', ['speaker-not-heard'], 'You did not hear the tone.', 'Turn the volume up and check which speaker is in use.');
}

function answer() {
  return new Promise((resolve) => {
    byId('tone-yes').addEventListener('click', () => resolve(true), { once: true });
    byId('tone-no').addEventListener('click', () => resolve(false), { once: true });
  });
}

async function checkConnection() {
  say('connection', 'running', 'In progress…', 'This takes a few seconds.');
  const outcome = await measure(panel.dataset.connectionUrl);
  return { ...judgeConnection(outcome), metrics: outcome.metrics ?? null };
}

async function run() {
  const startedAt = performance.now();
  panel.toggleAttribute('data-busy', true);
  start.hidden = true;
  byId('test-verdict').hidden = true;
  // The connection needs nobody; it is measured while the person looks, speaks and listens.
  const connection = check('connection', checkConnection);
  const results = {
    camera: await check('camera', checkCamera),
    microphone: await check('microphone', checkMicrophone),
    speaker: await check('speaker', checkSpeaker),
    connection: await connection,
  };
  showVerdict(Object.values(results));
  await report(results, performance.now() - startedAt);
  panel.toggleAttribute('data-busy', false);
  start.textContent = 'Test again';
  start.hidden = false;
}

function showVerdict(parts) {
  const { title, advice } = overallWords(parts);
  const element = byId('test-verdict');
  const heading = document.createElement('h2');
  heading.textContent = title;
  const text = document.createElement('p');
  text.textContent = advice;
  element.replaceChildren(heading, text);
  element.dataset.tone = TONES[overall(parts.map((part) => part.check))];
  reveal(element);
}

async function report(results, tookMs) {
  const url = panel.dataset.resultUrl;
  if (!url) return;
  const parts = Object.values(results);
  const checks = Object.fromEntries(Object.entries(results).map(([name, part]) => [name, part.check]));
  const result = {
    ...checks,
    overall: overall(parts.map((part) => part.check)),
    reason_codes: [...new Set(parts.flatMap((part) => part.reasons))],
    metrics: results.connection.metrics ?? null,
    took_ms: Math.round(tookMs),
    browser: browserFamily(navigator.userAgent),
  };
  // Nobody waits for this, and a visit does not depend on it.
  await postJson(url, result).catch(() => {});
}

function closeCamera() {
  const preview = byId('test-preview');
  for (const track of preview.srcObject?.getTracks() ?? []) track.stop();
  preview.srcObject = null;
  preview.hidden = true;
}

start.addEventListener('click', () => {
  closeCamera();
  run();
});
byId('tone-play').addEventListener('click', () => playTone());
// The room needs the camera when this page moves on.
addEventListener('pagehide', closeCamera);
panel.closest('details')?.addEventListener('toggle', (event) => event.target.open || closeCamera());
