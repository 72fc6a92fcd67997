// Silences: active, pending and expired.

import { get } from './api.js';
import { confirm, openSilence } from './dialogs.js';
import { empty, h, replace, table, toast } from './dom.js';
import { ago, clock, count, until } from './format.js';
import { silenceBody, silencesOf } from './model.js';

export const title = 'Silences';
export const keyHelp = [['n', 'new silence']];

export function show(context) {
  const ui = (context.ui = { silences: h('div') });
  context.main.append(h('div', { class: 'tools' }, h('p', { class: 'lead' }, 'An active silence suppresses the hits that it matches. They are still counted.'),
    h('button', { type: 'button', class: 'primary', 'aria-keyshortcuts': 'n', onclick: () => add(context) }, 'New silence…')), ui.silences);
  if (context.data.silences) draw(context);
}

export async function load(context) {
  context.data.silences = silencesOf(await get('/api/v1/silences'));
  if (context.name === 'silences') draw(context);
}

function draw(context) {
  const { silences } = context.data;
  const order = { active: 0, pending: 1, expired: 2 };
  if (silences.length === 0) {
    replace(context.ui.silences, empty('No silences'));
    return;
  }
  const rows = [...silences].sort((a, b) => order[a.state] - order[b.state] || new Date(b.until ?? 0) - new Date(a.until ?? 0));
  replace(context.ui.silences, table('Silences', [{ name: 'State' }, { name: 'Matchers', wide: true }, { name: 'From' }, { name: 'Until' }, { name: 'Suppressed', num: true }, { name: 'Comment' }, { name: 'Actions' }],
    rows.map((s) => h('tr', { class: s.state === 'expired' ? 'miss' : undefined },
      h('td', null, h('span', { class: `state ${s.state === 'active' ? 'warn' : ''}` }, s.state)),
      h('th', { scope: 'row', class: 'wide' }, s.matchers.map(([name, value]) => h('span', { class: 'label' }, `${name} = ${value}`))),
      h('td', null, clock(s.from)), h('td', null, s.until ? [clock(s.until), h('span', { class: 'minor block' }, s.state === 'expired' ? ago(s.until) : until(s.until))] : 'no end',
        s.nextImage && s.state !== 'expired' && h('span', { class: 'minor block' }, 'or the next image'),
        s.hours && h('span', { class: 'minor block' }, s.hours), s.hours && s.period && h('span', { class: 'minor block' }, periodWords(s.period))),
      h('td', { class: 'num' }, count(s.suppressedTotal)),
      h('td', null, s.comment, s.author && h('span', { class: 'minor block' }, s.author)),
      h('td', { class: 'actions' }, s.configured ? h('span', { class: 'minor' }, 'from the configuration') : s.state !== 'expired' && [h('button', { type: 'button', 'data-key': `change-${s.id}`, 'aria-label': `Edit the silence of ${s.matchers.map(([, v]) => v).join(', ')}`, onclick: () => change(context, s) }, 'Edit…'), h('button', { type: 'button', 'data-key': `expire-${s.id}`, 'aria-label': `Expire the silence of ${s.matchers.map(([, v]) => v).join(', ')}`, onclick: () => expire(context, s) }, 'Expire…')])))));
}

/** Until when a silence with hours suppresses hits, or when it does next. */
function periodWords({ from, until: end }) {
  if (from) return `next ${clock(from)}${end ? ` until ${clock(end)}` : ''}`;
  return end ? `now until ${clock(end)}` : 'now';
}

async function add(context) {
  if (await openSilence({}, (request) => context.call('POST', '/api/v1/silences', { body: silenceBody(request) }))) {
    toast('Silenced');
    await context.refresh();
  }
}

async function change(context, { start }) {
  if (await openSilence(start, (request) => context.call('POST', '/api/v1/silences', { body: silenceBody(request) }))) {
    toast('Silence changed');
    await context.refresh();
  }
}

async function expire(context, silence) {
  if (!await confirm('Expire this silence now?', 'The next hit sends an alert again, which reports how many hits were suppressed.', 'Expire')) return;
  try {
    await context.call('DELETE', `/api/v1/silences/${encodeURIComponent(silence.id)}`);
    toast('Silence expired');
  } catch (error) { toast(error.message, true); }
  await context.refresh();
}

export function key(context, event) {
  if (event.key !== 'n') return false;
  add(context);
  return true;
}
