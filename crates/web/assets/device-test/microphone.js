import { judgeLevels } from './verdict.js';

const EVERY_MS = 50;
const LISTEN_MS = 6_000;
const HEARD_FOR_MS = 1_000;

/**
 * Listens to a microphone until somebody was heard, at most six seconds. `onLevel` gets the loudness
 * now, 0 to 1. Answers `silent`, `quiet` or `heard`.
 */
export async function listenTo(stream, onLevel) {
  const context = new AudioContext();
  try {
    await context.resume();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    context.createMediaStreamSource(stream).connect(analyser);
    return await collect(analyser, onLevel);
  } finally {
    await context.close();
  }
}

async function collect(analyser, onLevel) {
  const samples = new Float32Array(analyser.fftSize);
  const levels = [];
  let heard = 0;
  for (let passed = 0; passed < LISTEN_MS && heard < HEARD_FOR_MS; passed += EVERY_MS) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    analyser.getFloatTimeDomainData(samples);
    const level = decibels(samples);
    levels.push(level);
    if (judgeLevels([level]) === 'heard') heard += EVERY_MS;
    onLevel(Math.min(1, Math.max(0, (level + 70) / 60)));
  }
  return judgeLevels(levels);
}

function decibels(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return power > 0 ? 10 * Math.log10(power) : -100;
}

/** A quiet 440 Hz tone of one and a half seconds. */
export async function playTone() {
  const context = new AudioContext();
  await context.resume();
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  oscillator.frequency.value = 440;
  volume.gain.value = 0.1;
  oscillator.connect(volume).connect(context.destination);
  const ended = new Promise((resolve) => oscillator.addEventListener('ended', resolve));
  oscillator.start();
  oscillator.stop(context.currentTime + 1.5);
  await ended;
  await context.close();
}
