import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browserFamily, judgeConnection, judgeLevels, overall, overallWords, summarise, verdict } from '../device-test/verdict.js';

const metrics = (changes) => ({ rtt_ms: 40, jitter_ms: 3, loss_percent: 0, transport: 'udp', ...changes });

test('a connection is judged by its weakest figure', () => {
  const cases = [
    [{}, 'pass', []],
    [{ transport: 'tcp' }, 'pass', ['tcp-only']],
    [{ loss_percent: 3 }, 'warn', ['lossy-connection']],
    [{ rtt_ms: 250 }, 'warn', ['slow-connection']],
    [{ jitter_ms: 45 }, 'warn', ['unsteady-connection']],
    [{ loss_percent: 20, rtt_ms: 900 }, 'warn', ['lossy-connection', 'slow-connection']],
    [{ loss_percent: 34 }, 'fail', ['lossy-connection']],
  ];
  for (const [changes, check, reasons] of cases) {
    const judged = judgeConnection({ metrics: metrics(changes) });
    assert.deepEqual([judged.check, judged.reasons], [check, reasons], JSON.stringify(changes));
  }
  assert.match(judgeConnection({ metrics: metrics({ loss_percent: 8 }) }).sentence, /Sound may work better/);
});

test('a test that failed says nothing about the connection', () => {
  const judged = judgeConnection({ failed: 'not-tested' });
  assert.equal(judged.check, 'not-run');
  assert.equal(overallWords([judged, verdict('pass', [], '')]).title, 'What we could test works');
  assert.equal(judgeConnection({ failed: 'no-path' }).check, 'fail');
});

test('the worst part decides, and what was not tested does not count', () => {
  assert.equal(overall(['pass', 'warn', 'not-run', 'pass']), 'warn');
  assert.equal(overall(['pass', 'fail', 'warn']), 'fail');
  assert.equal(overall(['pass', 'not-run']), 'pass');
  assert.equal(overall(['not-run', 'not-run']), 'not-run');
});

test('the last word names one thing to do, and that joining is possible', () => {
  const parts = [verdict('pass', [], ''), verdict('fail', [], 'No camera.', 'Connect a camera.'), verdict('warn', [], '', 'Speak up.')];
  assert.deepEqual(overallWords(parts), {
    title: 'There is a problem',
    advice: 'Connect a camera. You can still join your visit.',
  });
});

test('probes become figures', () => {
  const probes = [10, 20, 30, 100].map((trip, index) => ({ sentAt: index * 50, echoedAt: index * 50 + trip }));
  probes.push({ sentAt: 200 });
  assert.deepEqual(summarise(probes, 'udp'), { rtt_ms: 25, jitter_ms: 30, loss_percent: 20, transport: 'udp' });
  assert.equal(summarise([{ sentAt: 0 }], 'udp'), null);
});

test('a short silence between words is no silence', () => {
  assert.equal(judgeLevels([]), 'silent');
  assert.equal(judgeLevels(Array(100).fill(-80)), 'silent');
  assert.equal(judgeLevels([...Array(90).fill(-80), ...Array(10).fill(-30)]), 'heard');
  assert.equal(judgeLevels([...Array(90).fill(-80), ...Array(10).fill(-50)]), 'quiet');
  assert.equal(judgeLevels([...Array(99).fill(-80), -20]), 'silent', 'one click');
});

test('a browser is known by its family only', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36';
  assert.equal(browserFamily(chrome), 'chrome');
  assert.equal(browserFamily(`${chrome} Edg/140.0`), 'edge');
  assert.equal(browserFamily('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140.0 Safari/604.1'), 'safari');
  assert.equal(browserFamily('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'), 'firefox');
  assert.equal(browserFamily('curl/8'), 'other');
});
