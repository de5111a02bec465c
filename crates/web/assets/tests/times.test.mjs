import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationWords } from '../times.js';

test('durations are told as the server tells them', () => {
  assert.deepEqual([0, 59, 60, 299, 3600, 3900].map(durationWords), [
    'less than 1 min',
    'less than 1 min',
    '1 min',
    '4 min',
    '1 h 0 min',
    '1 h 5 min',
  ]);
});
