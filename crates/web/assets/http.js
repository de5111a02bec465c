import { backoffMs, waitOrOnline } from './backoff.js';

/** A refusal by the server: `{"code", "message", "retry_after_ms"}`, the last one often null. */
export class Refused extends Error {
  constructor(status, { code = `http-${status}`, message = 'That did not work.', retry_after_ms: retry } = {}) {
    super(message);
    this.name = 'Refused';
    this.status = status;
    this.code = code;
    this.retryAfterMs = retry;
  }
}

const LONGEST_ANSWER_MS = 10_000;

async function post(url, body, contentType) {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: {
      Accept: 'application/json',
      'Content-Type': contentType,
      'X-CSRF-Token': document.querySelector('meta[name=csrf]')?.content ?? '',
    },
    // Forms are answered by a redirect to the page, which is open already.
    redirect: 'manual',
    signal: AbortSignal.timeout(LONGEST_ANSWER_MS),
  });
  if (response.type !== 'opaqueredirect' && !response.ok) {
    throw new Refused(response.status, await response.json().catch(() => ({})));
  }
  return response;
}

/** POSTs JSON and reads a JSON answer. Throws `Refused`, or a `TypeError` where the network fails. */
export async function postJson(url, value) {
  const response = await post(url, JSON.stringify(value), 'application/json');
  const text = await response.text();
  return text === '' ? null : JSON.parse(text);
}

/** POSTs a form as it would go by itself, without leaving the page. */
export async function postForm(form) {
  const fields = new URLSearchParams(new FormData(form));
  await post(form.action, fields, 'application/x-www-form-urlencoded;charset=UTF-8');
}

/**
 * Goes to an address of ours once the server answers. A browser that cannot load a page shows one of its own, which
 * does not come back by itself.
 */
export async function goWhenThere(url = location.href) {
  for (let attempt = 0; !(await answers(url)); attempt += 1) await waitOrOnline(backoffMs(attempt));
  location.replace(url);
}

/** Whether the server answers for an address, whatever it says. */
export async function answers(url) {
  const response = await fetch(url, { method: 'HEAD' }).catch(() => null);
  return response !== null && response.status < 500;
}
