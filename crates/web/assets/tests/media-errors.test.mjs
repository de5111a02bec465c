import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, kindOf, reasonCode, situation } from '../media/errors.js';

const place = { secure: true, hasDevices: true, framed: false, allowedByPolicy: null };
const error = (name, message = '') => Object.assign(new Error(message), { name });

test('errors of getUserMedia are told apart', () => {
  assert.equal(kindOf(error('NotAllowedError'), place), 'denied');
  assert.equal(kindOf(error('NotAllowedError', 'Permission denied by system'), place), 'denied-by-system');
  assert.equal(kindOf(error('NotFoundError'), place), 'not-found');
  assert.equal(kindOf(error('NotReadableError'), place), 'in-use');
  assert.equal(kindOf(error('SomethingNew'), place), 'unknown');
});

test('a frame without allow= is told from a person who says no', () => {
  const framed = { ...place, framed: true };
  assert.equal(kindOf(error('NotAllowedError'), { ...framed, allowedByPolicy: false }), 'embedder');
  assert.equal(kindOf(error('NotAllowedError'), { ...framed, allowedByPolicy: true }, { tookMs: 5 }), 'denied');
  // Browsers that do not tell their policy: nobody answers within 5 ms.
  assert.equal(kindOf(error('NotAllowedError'), framed, { permission: 'prompt', tookMs: 5 }), 'embedder');
  assert.equal(kindOf(error('NotAllowedError'), framed, { permission: 'denied', tookMs: 5 }), 'denied');
  assert.equal(kindOf(error('NotAllowedError'), framed, { permission: 'prompt', tookMs: 4000 }), 'denied');
});

test('no devices at all: a page without https, or an app', () => {
  assert.equal(kindOf(null, { ...place, secure: false, hasDevices: false }), 'insecure');
  assert.equal(kindOf(null, { ...place, hasDevices: false }), 'app-browser');
});

test('the place is read from the browser', () => {
  const scope = {
    isSecureContext: true,
    navigator: { mediaDevices: { getUserMedia() {} } },
    document: { featurePolicy: { allowsFeature: (name) => name === 'camera' } },
  };
  scope.self = scope;
  scope.top = {};
  assert.deepEqual(situation('camera', scope), { secure: true, hasDevices: true, framed: true, allowedByPolicy: true });
  assert.equal(situation('microphone', scope).allowedByPolicy, false);
});

test('every kind is explained in short sentences', () => {
  for (const kind of ['denied', 'denied-by-system', 'embedder', 'not-found', 'in-use', 'insecure', 'app-browser', 'unknown']) {
    for (const sentence of Object.values(explain(kind, 'camera'))) {
      assert.ok(sentence.split(' ').length <= 15, sentence);
    }
    assert.match(reasonCode(kind, 'camera'), /^[a-z-]+$/);
  }
});
