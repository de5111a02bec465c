/**
 * Invitations beside a call: the page of links is fetched, and its part `#invitations` shown in place, so
 * that the visit's page is not left. The same forms work without scripts.
 */
const LONGEST_ANSWER_MS = 10_000;

const section = () => document.getElementById('invitations');

async function show(url, options = {}) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(LONGEST_ANSWER_MS) });
  const answer = new DOMParser().parseFromString(await response.text(), 'text/html');
  const fresh = answer.getElementById('invitations');
  if (!response.ok || !fresh) {
    const words = answer.querySelector('.lead')?.textContent;
    throw new Error(words ?? 'That did not get through. Try again.');
  }
  section().replaceWith(document.adoptNode(fresh));
  prepare();
}

/** What only scripts can do. */
function prepare() {
  for (const button of section().querySelectorAll('[data-copy]')) button.hidden = false;
  const asks = document.getElementById('invite-asks');
  if (asks) showDateOfBirth(asks);
}

function showDateOfBirth(asks) {
  const asked = asks.value === 'date-of-birth';
  document.getElementById('invite-born-field').hidden = !asked;
  document.getElementById('invite-born').required = asked;
}

function tell(error) {
  section().querySelector('.form-problem')?.remove();
  const problem = document.createElement('p');
  problem.className = 'form-problem';
  problem.setAttribute('role', 'alert');
  problem.textContent = error.name === 'Error' ? error.message : 'That did not get through. Try again.';
  section().append(problem);
}

async function send(event) {
  const form = event.target;
  if (!form.hasAttribute('data-shows')) return;
  event.preventDefault();
  if (form.hasAttribute('data-sending')) return;
  form.setAttribute('data-sending', '');
  const body = new URLSearchParams(new FormData(form));
  await show(form.action, { method: 'POST', body }).catch(tell);
  form.removeAttribute('data-sending');
}

async function copy(event) {
  const button = event.target.closest?.('[data-copy]');
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  // A frame may not be allowed to: then the link stands selected.
  const copied = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
  button.textContent = copied ? 'Copied' : 'Press Ctrl+C to copy';
}

document.addEventListener('submit', send);
document.addEventListener('click', copy);
document.addEventListener('change', (event) => event.target.id === 'invite-asks' && showDateOfBirth(event.target));
const disclosure = document.getElementById('invite');
disclosure?.addEventListener('toggle', () => disclosure.open && show(disclosure.dataset.invitations).catch(tell));
prepare();
