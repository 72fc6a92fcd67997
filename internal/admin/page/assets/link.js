// The form of a message's link: it says what the link silences, and only its button silences. Previews and scanners of links see the same page for every link,
// because the token is behind "#", which no browser sends.

import { h, replace } from './dom.js';
import { clock, until } from './format.js';

const panel = document.getElementById('link');
const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname); // keeps the token out of the history and of screenshots

/** Sends the token in the body of a POST, without cookies: the token alone decides. Resolves to the answer, and fails with the problem's text. */
async function post(path) {
  const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ link: token }), cache: 'no-store', credentials: 'omit', redirect: 'error' })
    .catch(() => { throw new Error('No response from the server. Is it running?'); });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error([answer.detail ?? answer.title ?? `unexpected response: ${response.status}`, ...(answer.errors ?? []).map((e) => e.hint).filter(Boolean)].join('. '));
  return answer;
}

const pair = (name, ...value) => value.some(Boolean) && [h('dt', null, name), h('dd', null, value)];
const length = (minutes) => (minutes % 60 === 0 ? (minutes === 60 ? '1 hour' : `${minutes / 60} hours`) : `${minutes} minutes`);

/** The incident, as far as the alert is still stored. */
const about = (link) => h('dl', { class: 'facts' },
  pair('Rule', h('strong', null, link.rule)), pair('Workload', link.workload), pair('Alert', link.summary), pair('Time', link.time && clock(Date.parse(link.time))),
  pair('Key', h('code', null, link.key)));

const note = (link) => h('p', { class: 'minor' }, 'Only this incident is silenced', link.fleet && ', on all nodes of the fleet', ', no other alerts of the rule. Its hits are still counted, and the next alert reports how many there were.');

function ask(link) {
  const wrong = h('div', { class: 'wrong', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'primary' }, `Silence for ${length(link.minutes)}`);
  replace(panel, h('form', { onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    replace(wrong);
    try {
      done(link, await post('/silence'));
    } catch (error) {
      replace(wrong, h('p', null, error.message));
      button.disabled = false;
    }
  } }, about(link), note(link), wrong, h('div', { class: 'buttons left' }, button)));
  button.focus();
}

const end = (silence) => [clock(Date.parse(silence.until)), ` (${until(Date.parse(silence.until))})`];

function done(link, silence) {
  replace(panel, h('p', { class: 'result', role: 'status' }, h('strong', null, 'Silenced'), ' until ', end(silence), '.'), about(link),
    h('p', { class: 'minor' }, 'To end it earlier, expire it on the page, under Silences. This link does not work again; the next alert has a new one.'));
}

function used(link) {
  const { silence } = link;
  replace(panel, h('p', { class: 'result', role: 'status' }, h('strong', null, 'This link was used already.'), ' ',
    silence.state === 'expired' ? ['Its silence ended at ', clock(Date.parse(silence.until)), '.'] : ['Silenced until ', end(silence), '.']), about(link),
  h('p', { class: 'minor' }, 'The next alert of this incident has a new link.'));
}

function expired(link) {
  replace(panel, h('p', { class: 'result', role: 'status' }, h('strong', null, 'This link has expired'), ', at ', clock(Date.parse(link.expires)), '. Nothing was silenced.'), about(link),
    h('p', { class: 'minor' }, 'The next alert of this incident has a new link.'));
}

const states = { open: ask, used, expired };

function failed(text) {
  replace(panel, h('p', { class: 'wrong', role: 'alert' }, text));
}

if (token) post('/silence/look').then((link) => (states[link.state] ?? failed)(link), (error) => failed(error.message));
else failed('This page needs the link of a message, as a whole.');
