/** What the room says. */

export const CALL_STATES = {
  before: '',
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  lost: 'Connection lost. Trying again.',
};

/** Whom somebody waits for who is alone, or '' where others are connected. */
export function aloneWords(people, me) {
  const others = people.filter((person) => person.participant !== me);
  if (others.some((person) => person.connected)) return '';
  const self = people.find((person) => person.participant === me);
  const provider = others.find((person) => person.role === 'provider');
  if (provider) return `Waiting for ${provider.name} to join.`;
  return self?.role === 'provider' ? 'Nobody else has joined yet.' : 'Waiting for your clinician to join.';
}

/** What others get of somebody who joins without all devices. */
export function missingWords({ microphone, camera }) {
  if (microphone && camera) return 'You can see and hear the others. They cannot see or hear you.';
  if (camera) return 'Others hear you, but they cannot see you.';
  if (microphone) return 'Others see you, but they cannot hear you.';
  return '';
}
