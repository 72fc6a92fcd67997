// Silences: those in force, those that will be, and those that ended.

import { get } from './api.js';
import { confirm, openSilence } from './dialogs.js';
import { empty, h, replace, table, toast } from './dom.js';
import { ago, clock, count, until } from './format.js';
import { silenceBody, silencesOf } from './model.js';

export const title = 'Silences';
export const keyHelp = [['n', 'a new silence']];

export function show(context) {
  const ui = (context.ui = { silences: h('div') });
  context.main.append(h('div', { class: 'tools' }, h('p', { class: 'lead' }, 'While a silence holds, the hits that it matches make no alert. They are counted all the same.'),
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
    replace(context.ui.silences, empty('Nothing is silenced'));
    return;
  }
  const rows = [...silences].sort((a, b) => order[a.state] - order[b.state] || new Date(b.until) - new Date(a.until));
  replace(context.ui.silences, table('Silences', [{ name: 'State' }, { name: 'What', wide: true }, { name: 'From' }, { name: 'Until' }, { name: 'Suppressed', num: true }, { name: 'Comment' }, { name: 'What to do' }],
    rows.map((s) => h('tr', { class: s.state === 'expired' ? 'miss' : undefined },
      h('td', null, h('span', { class: `state ${s.state === 'active' ? 'warn' : ''}` }, s.state)),
      h('th', { scope: 'row', class: 'wide' }, s.matchers.map(([name, value]) => h('span', { class: 'label' }, `${name} = ${value}`))),
      h('td', null, clock(s.from)), h('td', null, clock(s.until), h('span', { class: 'minor block' }, s.state === 'expired' ? ago(s.until) : until(s.until))),
      h('td', { class: 'num' }, count(s.suppressedTotal)),
      h('td', null, s.comment, s.author && h('span', { class: 'minor block' }, s.author)),
      h('td', null, s.configured ? h('span', { class: 'minor' }, 'of the configuration') : s.state !== 'expired' && h('button', { type: 'button', 'data-key': `expire-${s.id}`, 'aria-label': `Expire the silence of ${s.matchers.map(([, v]) => v).join(', ')}`, onclick: () => expire(context, s) }, 'Expire…'))))));
}

async function add(context) {
  if (await openSilence({}, (wish) => context.call('POST', '/api/v1/silences', { body: silenceBody(wish) }))) {
    toast('Silenced');
    await context.refresh();
  }
}

async function expire(context, silence) {
  if (!await confirm('End this silence now?', 'The next hit that it matched makes an alert again, and reports how many hits were suppressed.', 'End it')) return;
  try {
    await context.call('DELETE', `/api/v1/silences/${encodeURIComponent(silence.id)}`);
    toast('The silence ended');
  } catch (error) { toast(error.message, true); }
  await context.refresh();
}

export function key(context, event) {
  if (event.key !== 'n') return false;
  add(context);
  return true;
}
