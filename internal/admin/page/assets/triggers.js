// The triggers with their state, test alerts, and the dead letters.

import { get, getIfAny } from './api.js';
import { confirm } from './dialogs.js';
import { edit } from './editor.js';
import { own } from './rules.js';
import { empty, h, replace, table, toast } from './dom.js';
import { ago, clock, count, nanos, plural, until, words } from './format.js';
import { deadLettersOf, dropCall, droppedOf, redeliverCall, redeliveredOf, statsOf, testOf, triggersOf } from './model.js';

export const title = 'Triggers';
export const keyHelp = [['n', 'new trigger']];

export function show(context) {
  const ui = (context.ui = { triggers: h('div'), letters: h('div'), tools: h('div', { class: 'buttons left' }) });
  context.data.tests ??= {};
  context.main.append(
    h('section', { 'aria-labelledby': 'triggers-title' }, h('div', { class: 'tools' }, h('h2', { id: 'triggers-title' }, 'Where alerts go'), h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'primary', 'data-key': 'new-trigger', 'aria-keyshortcuts': 'n', onclick: () => edit(context, { kind: 'trigger' }) }, 'New trigger…'))), ui.triggers),
    h('section', { 'aria-labelledby': 'letters-title' }, h('div', { class: 'tools' }, h('h2', { id: 'letters-title' }, 'Dead letters'), ui.tools), ui.letters));
  if (context.data.triggers) draw(context);
}

const pageSize = 200;

export async function load(context) {
  const [triggers, stats, letters] = await Promise.all([getIfAny('/api/v1/triggers', { limit: 1000 }), get('/api/v1/stats'), readLetters(context.data.letterPages ??= 1)]);
  context.data.triggers = { triggers: triggersOf(triggers, stats), letters: letters.list, next: letters.next };
  context.warn(statsOf(stats).warnings);
  if (context.name === 'triggers') draw(context);
}

/** Loads as many pages as the user asked for, so that they stay when the view is refreshed. */
async function readLetters(pages) {
  const all = { list: [], next: undefined };
  for (let n = 0; n < pages && (n === 0 || all.next); n++) {
    const page = deadLettersOf(await get('/api/v1/dead-letters', { limit: pageSize, cursor: all.next }));
    all.list.push(...page.list);
    all.next = page.next;
  }
  return all;
}

async function older(context) {
  context.data.letterPages++;
  await context.refresh();
}

function draw(context) {
  if (!context.data.triggers) return; // the instance changed
  const { triggers, letters, next } = context.data.triggers;
  const { ui } = context;
  replace(ui.triggers, triggers.length === 0
    ? empty('No triggers', 'Alerts are stored and shown here, but not sent.')
    : table('Triggers', [{ name: 'Trigger', wide: true }, { name: 'State' }, { name: 'Pending', num: true }, { name: 'Oldest', num: true }, { name: 'Sent', num: true }, { name: 'Dead', num: true }, { name: 'Dropped', num: true }, { name: 'Actions', wide: true }],
      triggers.map((t) => h('tr', null,
        h('th', { scope: 'row' }, h('span', { class: 'rule' }, t.name), t.format && h('span', { class: 'label' }, t.format), t.source && h('span', { class: 'minor block' }, t.source), t.problems.map((text) => h('span', { class: 'bad block' }, text))),
        h('td', { class: 'wide' }, h('span', { class: `state ${t.level}` }, t.state), t.reason && h('span', { class: 'minor block' }, t.reason), t.next && h('span', { class: 'minor block' }, `next attempt ${until(t.next)}`),
          t.hours && h('span', { class: 'minor block' }, t.hours.from ? `sends again at ${clock(t.hours.from)}` : t.hours.until ? `sends until ${clock(t.hours.until)}` : 'sends at all times'),
          t.outside > 0 && h('span', { class: 'minor block' }, `${plural(t.outside, 'alert')} outside its hours`)),
        h('td', { class: 'num' }, count(t.pending)), h('td', { class: 'num' }, t.oldest ? ago(t.oldest) : '–'), h('td', { class: 'num' }, count(t.sent)),
        h('td', { class: t.dead > 0 ? 'num bad' : 'num' }, count(t.dead)), h('td', { class: t.dropped > 0 ? 'num bad' : 'num' }, count(t.dropped)),
        h('td', { class: 'actions' }, t.configured && h('button', { type: 'button', 'data-key': `test-${t.name}`, disabled: context.data.tests[t.name]?.running, 'aria-label': `Send a test to ${t.name}`, onclick: () => test(context, t.name) }, context.data.tests[t.name]?.running ? 'Sending…' : 'Send a test'), t.etag && own(context, { kind: 'trigger', name: t.name }, t.etag),
          context.data.tests[t.name]?.text && h('span', { class: `block ${context.data.tests[t.name].good ? 'good' : 'bad'}` }, context.data.tests[t.name].text))))));
  replace(ui.tools, letters.length > 1 && [
    h('button', { type: 'button', 'data-key': 'resend-all', onclick: () => resend(context) }, 'Resend all'),
    h('button', { type: 'button', 'data-key': 'drop-all', onclick: () => drop(context) }, 'Drop all…')]);
  replace(ui.letters, letters.length === 0
    ? empty('No dead letters', 'Alerts that a receiver rejected, or that could not be sent in time, are kept here.')
    : [table('Dead letters', [{ name: 'Died' }, { name: 'Trigger' }, { name: 'Alert', wide: true }, { name: 'Attempts', num: true }, { name: 'Reason' }, { name: 'Actions' }],
      letters.map((l) => h('tr', null,
        h('td', null, h('time', { datetime: l.died }, clock(l.died))), h('td', { class: 'rule' }, l.trigger),
        h('th', { scope: 'row', class: 'wide' }, l.rule ? [h('span', { class: 'rule' }, l.rule), h('span', { class: 'minor' }, ` ${l.summary}`)] : h('code', null, l.id)),
        h('td', { class: 'num' }, count(l.attempts)), h('td', null, l.reason, l.answer && h('span', { class: 'minor block' }, `response: ${l.answer}`), l.expires && h('span', { class: 'minor block' }, `kept ${until(l.expires).replace(/^in /, 'for ')}`)),
        h('td', { class: 'actions' },
          h('button', { type: 'button', 'data-key': `resend-${l.id}-${l.trigger}`, 'aria-label': `Resend ${l.rule || l.id} to ${l.trigger}`, onclick: () => resend(context, l) }, 'Resend'),
          h('button', { type: 'button', 'data-key': `drop-${l.id}-${l.trigger}`, 'aria-label': `Drop ${l.rule || l.id} for ${l.trigger}`, onclick: () => drop(context, l) }, 'Drop…'))))),
      next && h('button', { type: 'button', 'data-key': 'older-letters', onclick: () => older(context) }, 'Show older')]);
}

async function test(context, name) {
  const run = (context.data.tests[name] = { running: true });
  draw(context);
  try {
    Object.assign(run, testOf((await context.call('POST', `/api/v1/triggers/${encodeURIComponent(name)}/test`, { body: {} })).body, nanos));
  } catch (error) {
    Object.assign(run, { good: false, text: error.message });
  }
  run.running = false;
  toast(`Test to ${name}: ${words(run.text)}`, !run.good);
  if (context.name === 'triggers') draw(context);
}

async function resend(context, letter) {
  try {
    const { count: sent, left } = redeliveredOf((await redeliverCall(context.call, letter)).body);
    toast(`${plural(sent, 'dead letter')} queued again${left ? `, ${count(left)} not: the store is full` : ''}`);
  } catch (error) { toast(error.message, true); }
  await context.refresh();
}

async function drop(context, letter) {
  const text = letter ? `The alert ${letter.rule || letter.id} will not be sent by ${letter.trigger}.` : 'None of the dead letters will be sent.';
  if (!await confirm(letter ? 'Drop this dead letter?' : 'Drop all dead letters?', text, 'Drop')) return;
  try {
    const dropped = droppedOf((await dropCall(context.call, letter)).body);
    toast(`${plural(dropped, 'dead letter')} dropped`);
  } catch (error) { toast(error.message, true); }
  await context.refresh();
}

export function key(context, event) {
  if (event.key !== 'n') return false;
  edit(context, { kind: 'trigger' });
  return true;
}
