import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../backoff.js';
import { Session } from '../room/session.js';
import { aloneWords, missingWords } from '../room/words.js';

/** A session whose server and room are played by `script`: what each try comes to. */
function play(script) {
  const seen = [];
  const waits = [];
  const steps = [...script];
  const join = async (ticket, local, on) => {
    const step = steps.shift();
    queueMicrotask(() => {
      on.state('connected');
      if (step.lost) on.state('lost');
      if (step.over) on.over(step.over);
    });
    return { close() {}, nudge() {} };
  };
  const post = async () => {
    if (!steps[0].refused) return { kind: 'native' };
    const { refused: status, code, retryAfterMs } = steps.shift();
    throw Object.assign(new Error('No.'), { name: 'Refused', status, code, retryAfterMs });
  };
  const on = {
    state: (state, message) => seen.push(message ? `${state}: ${message}` : state),
    streams: () => {},
    over: (reason) => seen.push(`over: ${reason}`),
  };
  const wait = async (ms) => waits.push(ms);
  return { seen, waits, session: new Session('/join', {}, on, { kinds: { native: join }, post, wait }) };
}

test('joins, and joins anew when the connection is lost', async () => {
  const { seen, waits, session } = play([{ lost: true }, { over: 'ended' }]);
  await session.run();
  assert.deepEqual(seen, ['connecting', 'connected', 'lost', 'reconnecting', 'connected', 'over: ended']);
  assert.equal(waits.length, 1);
});

test('waits longer each time, and as long as the server says', async () => {
  const { waits, session } = play([{ refused: 503 }, { refused: 503 }, { refused: 429, retryAfterMs: 7000 }, { over: 'removed' }]);
  await session.run();
  assert.ok(waits[0] <= 500 && waits[1] > 500 - 1 && waits[1] <= 1000, String(waits));
  assert.equal(waits[2], 7000);
});

test('somebody who is not let in does not knock again', async () => {
  const { seen, session } = play([{ refused: 403 }]);
  await session.run();
  assert.deepEqual(seen, ['connecting', 'over: refused']);
});

test('a full room is told, and tried again', async () => {
  const { seen, session } = play([{ refused: 409, code: 'room-full' }, { over: 'ended' }]);
  await session.run();
  assert.deepEqual(seen, ['connecting', 'lost: No.', 'reconnecting', 'connected', 'over: ended']);
});

test('a wait lies between half and all of its ceiling', () => {
  assert.equal(backoffMs(0, { random: () => 0 }), 250);
  assert.equal(backoffMs(3, { random: () => 1 }), 4000);
  assert.equal(backoffMs(50, { random: () => 1 }), 15_000);
});

test('who is alone reads whom they wait for', () => {
  const finn = { participant: 'd', name: 'Dr. Finn', role: 'provider', connected: false };
  const ana = { participant: 'p', name: 'Ana', role: 'patient', connected: true };
  assert.equal(aloneWords([finn, ana], 'p'), 'Waiting for Dr. Finn to join.');
  assert.equal(aloneWords([{ ...finn, connected: true }, ana], 'p'), '');
  assert.equal(aloneWords([ana], 'p'), 'Waiting for your clinician to join.');
  assert.equal(aloneWords([finn, { ...ana, connected: false }], 'd'), 'Nobody else has joined yet.');
});

test('who joins without a device reads what the others get', () => {
  assert.match(missingWords({ microphone: null, camera: 'denied' }), /hear you, but/);
  assert.match(missingWords({ microphone: 'denied', camera: 'denied' }), /cannot see or hear you/);
  assert.equal(missingWords({ microphone: null, camera: null }), '');
});
