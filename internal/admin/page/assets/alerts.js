// Totals, a timeline, problems, and alerts as they arrive.

import { errorLines, get } from './api.js';
import { detail, row } from './alert.js';
import { checklist } from './checklist.js';
import { openSilence } from './dialogs.js';
import { empty, h, replace, toast, visible } from './dom.js';
import { ruleOf } from './editor.js';
import { clock, count, plural, rate, reasons, severities, short } from './format.js';
import { roving } from './keys.js';
import { alertsOf, problemsOf, silenceBody, statsOf } from './model.js';
import { problemItems } from './problems.js';
import { spans, Timeline } from './timeline.js';

export const title = 'Alerts';
export const plainTitle = true;
export const keyHelp = [
  ['j k', 'next and previous alert, or problem if one has the focus; arrow keys work too'],
  ['Enter', 'open or close it'],
  ['s', 'silence the rule and workload of the alert'],
  ['t', 'try the alert’s line'],
  ['p', 'pause new alerts, or show them'],
  ['← →', 'in the timeline: move between bars; Enter shows only the alerts of a bar'],
  ['Esc', 'show all alerts again'],
];

const kept = 1000; // alerts
const pageSize = 200;
const problemsEvery = 30000; // ms, unless an alert arrives

const state = (context) => (context.data.alerts ??= { alerts: [], known: new Set(), open: new Set(), waiting: [], paused: false, loaded: false, text: '', least: 'debug', span: spans[2], bin: undefined,
  problem: undefined, picked: undefined, problems: undefined, problemsAt: 0, tab: 'problems' });

export function show(context) {
  const st = state(context);
  const ui = (context.ui = {
    checklist: h('div'),
    tiles: h('dl', { class: 'tiles', 'aria-label': 'Totals' }),
    problems: h('ol', { class: 'problems', 'aria-label': 'Problems, the latest first' }),
    problemsMore: h('div', { class: 'more' }),
    problemsNote: h('p', { class: 'note', role: 'status' }),
    list: h('ol', { class: 'alerts', 'aria-label': 'Alerts, newest first' }),
    more: h('div', { class: 'more' }),
    note: h('p', { class: 'note', role: 'status' }),
    only: h('p', { class: 'only', hidden: true }),
    pending: h('button', { type: 'button', class: 'show-new', hidden: true, onclick: () => resume(context, true) }),
  });
  ui.timeline = new Timeline(st.span, (bin) => pick(context, { bin }), (span) => {
    Object.assign(st, { span, problems: undefined });
    pick(context, { bin: undefined });
    loadProblems(context).catch(context.fail);
  });
  ui.roving = roving(ui.list, '.alert-row');
  ui.problemRoving = roving(ui.problems, '.problem-row');
  const search = h('input', { type: 'search', 'data-filter': true, placeholder: 'Filter by rule, workload or text', 'aria-label': 'Filter problems and alerts', 'aria-keyshortcuts': '/', value: st.text,
    oninput: () => { st.text = search.value; draw(context); } });
  const least = h('select', { 'aria-label': 'Minimum severity', onchange: () => { st.least = least.value; draw(context); } },
    severities.map((s) => h('option', { value: s, selected: s === st.least }, s === 'debug' ? 'any severity' : s === 'critical' ? 'critical' : `${s} and above`)));
  ui.pause = h('button', { type: 'button', 'aria-keyshortcuts': 'p', onclick: () => (st.paused ? resume(context) : pause(context)) });
  ui.tabs = h('div', { class: 'segments tabs', role: 'group', 'aria-label': 'List' }, [['problems', 'Problems'], ['alerts', 'Alerts']].map(([name, words]) => h('button', { type: 'button', 'data-key': `tab-${name}`, 'data-tab': name, onclick: () => tab(context, name) }, words)));
  ui.lists = h('div', { class: 'lists' },
    h('section', { class: 'of-problems', 'aria-labelledby': 'problems-title' }, h('div', { class: 'tools' }, h('h2', { id: 'problems-title' }, 'Problems'), ui.problemsNote), ui.problems, ui.problemsMore),
    h('section', { class: 'of-alerts', 'aria-labelledby': 'alerts-title' }, h('div', { class: 'tools' }, h('h2', { id: 'alerts-title' }, 'All alerts'), ui.note, ui.pause), ui.only, ui.pending, ui.list, ui.more));
  context.main.append(ui.checklist, ui.tiles, ui.timeline.element, h('div', { class: 'tools filters' }, ui.tabs, search, least), ui.lists);
  draw(context);
}

export async function load(context) {
  const st = state(context);
  const due = !st.problems || Date.now() - st.problemsAt > problemsEvery;
  const [stats, page] = await Promise.all([get('/api/v1/stats'), st.loaded ? undefined : get('/api/v1/alerts', { limit: pageSize }), due ? loadProblems(context) : undefined]);
  if (page) {
    const newest = alertsOf(page);
    if (!st.begun) st.cursor = newest.next;
    st.loaded = st.begun = true;
    for (const alert of newest.alerts) add(st, alert);
  }
  const previous = context.data.previous;
  context.data.previous = { at: Date.now(), stats: statsOf(stats) };
  context.warn(context.data.previous.stats.warnings);
  if (context.name !== 'alerts') return;
  drawTiles(context, previous);
  if (page) draw(context);
}

/** Loads the problems of the chosen window, and the alerts of the selection. */
async function loadProblems(context) {
  const st = state(context), { span } = st;
  st.problemsAt = Date.now();
  const problems = problemsOf(await get('/api/v1/problems', { since: `${span.minutes}m`, bins: span.bins, limit: pageSize }));
  if (st !== context.data.alerts || span !== st.span) return; // the instance or the window changed meanwhile
  st.problems = problems;
  await loadPicked(context);
  if (context.name === 'alerts') draw(context);
}

/** Loads the alerts of the selected problem and bar, if there is a selection. */
async function loadPicked(context) {
  const st = state(context), { problem, bin } = st;
  if (!problem && !bin) { st.picked = undefined; return; }
  const page = alertsOf(await get('/api/v1/alerts', { limit: pageSize, key: problem?.key, since: bin && new Date(bin.from).toISOString(), until: bin && new Date(bin.to).toISOString() }));
  if (problem === st.problem && bin === st.bin) st.picked = page.alerts;
}

/** Changes the selection: {problem}, {bin} or both. */
function pick(context, change) {
  const st = state(context);
  Object.assign(st, change, { picked: undefined });
  draw(context);
  loadPicked(context).then(() => { if (context.name === 'alerts') draw(context); }, (error) => toast(error.message, true));
}

function tab(context, name) {
  state(context).tab = name;
  draw(context);
}

/** Reloads the latest alerts: some may have arrived while the stream was down. */
export function caughtUp(context) {
  const st = state(context);
  if (!st.loaded) return;
  st.loaded = false;
  st.problemsAt = 0;
  if (context.name === 'alerts') context.refresh();
}

function add(st, alert) {
  if (st.known.has(alert.id)) {
    const known = st.alerts.find((a) => a.id === alert.id);
    if (known && alert.deliveries.length > 0) known.deliveries = alert.deliveries;
    return false;
  }
  st.known.add(alert.id);
  const at = st.alerts.findIndex((other) => other.at <= alert.at);
  if (at < 0) st.alerts.push(alert);
  else st.alerts.splice(at, 0, alert);
  for (const old of st.alerts.splice(kept)) { st.known.delete(old.id); st.open.delete(old.id); }
  return true;
}

let unannounced = 0, announceTimer;
/** Handles an alert from the stream. */
export function arrived(context, alert) {
  const st = state(context);
  if (st.known.has(alert.id) || st.waiting.some((w) => w.id === alert.id)) return;
  announce(alert);
  const busy = context.name === 'alerts' && (window.scrollY > 300 || context.ui.list.contains(document.activeElement));
  if (st.paused || busy) {
    st.waiting.unshift(alert);
    st.waiting.splice(kept);
  } else add(st, alert);
  drawSoon(context);
  problemsSoon(context);
}

let drawing;
/** Draws at most four times a second, so that a burst of alerts does not block the browser. */
function drawSoon(context) {
  drawing ??= setTimeout(() => {
    drawing = undefined;
    if (context.name === 'alerts') draw(context);
  }, 250);
}

let asking;
/** Asks for the problems after an alert, at most every two seconds. */
function problemsSoon(context) {
  asking ??= setTimeout(() => {
    asking = undefined;
    if (context.name === 'alerts' && !state(context).paused) loadProblems(context).catch(context.fail);
    else state(context).problemsAt = 0;
  }, Math.max(250, state(context).problemsAt + 2000 - Date.now()));
}

/** Announces alerts to screen readers, at most once every three seconds: a burst becomes one sentence. */
function announce(alert) {
  unannounced++;
  const say = () => {
    const text = visible(`${alert.severity}: ${alert.rule}, ${alert.workload}. ${alert.summary}`);
    document.getElementById('news').textContent = unannounced === 1 ? `New alert, ${text}` : `${unannounced} new alerts. The last: ${text}`;
    unannounced = 0;
    announceTimer = setTimeout(() => { announceTimer = undefined; if (unannounced > 0) say(); }, 3000);
  };
  if (!announceTimer) say();
}

function pause(context) {
  state(context).paused = true;
  draw(context);
}

function resume(context, top) {
  const st = state(context);
  st.paused = false;
  for (const alert of st.waiting.splice(0).reverse()) add(st, alert);
  problemsSoon(context);
  draw(context);
  if (top) {
    window.scrollTo(0, 0);
    context.ui.list.querySelector('.alert-row')?.focus({ preventScroll: true });
  }
}

function matches(st, severity, text) {
  if (severities.indexOf(severity) < severities.indexOf(st.least)) return false;
  const wanted = st.text.trim().toLowerCase();
  return !wanted || text.includes(wanted);
}

function draw(context) {
  const st = state(context), ui = context.ui;
  ui.lists.dataset.tab = st.tab;
  for (const b of ui.tabs.children) b.setAttribute('aria-pressed', String(b.dataset.tab === st.tab));
  ui.pause.textContent = st.paused ? 'Resume' : 'Pause';
  ui.pause.setAttribute('aria-pressed', String(st.paused));
  drawProblems(context);
  drawAlerts(context);
}

function drawProblems(context) {
  const st = state(context), ui = context.ui, all = st.problems;
  const now = Date.now();
  ui.timeline.draw(all ?? { from: now - st.span.minutes * 60000, until: now, alerts: {} }, st.bin);
  if (!all) { ui.problemsNote.textContent = 'loading'; return; }
  const shown = all.list.filter((p) => matches(st, p.severity, `${p.rule}\n${p.workload}\n${p.state}\n${p.latest.search}`.toLowerCase()));
  const open = all.list.filter((p) => p.state === 'open').length;
  ui.problemsNote.textContent = [shown.length === all.list.length ? count(shown.length) : `${count(shown.length)} of ${count(all.list.length)}`, `${count(open)} open`, `in the last ${st.span.words.replace(/^1 /, '')}`].join(', ');
  replace(ui.problems, problemItems(shown, st.problem?.key, {
    words: st.span.words, choose: (p) => pick(context, { problem: p }), alerts: () => tab(context, 'alerts'), buttons: (alert, key) => actions(context, alert, key),
  }));
  ui.problemRoving.drawn();
  replace(ui.problemsMore, shown.length === 0 && (all.list.length > 0 ? nothingMatches(context) : empty(`No problems in the last ${st.span.words.replace(/^1 /, '')}`, 'Alerts about the same problem are grouped here.')),
    all.more > 0 && h('p', { class: 'note' }, `${plural(all.more, 'older problem')} not shown.`),
    all.since && all.since > all.from && h('p', { class: 'note' }, `Alerts since ${clock(all.since)} are grouped; there are more in this window.`));
}

function drawAlerts(context) {
  const st = state(context), ui = context.ui;
  const selected = st.problem || st.bin;
  const all = selected ? st.picked ?? [] : st.alerts;
  const shown = all.filter((a) => matches(st, a.severity, a.search));
  const loading = selected ? !st.picked : !st.begun;
  ui.note.textContent = loading ? 'loading' : shown.length === all.length ? count(shown.length) : `${count(shown.length)} of ${count(all.length)}`;
  ui.only.hidden = !selected;
  replace(ui.only, 'Only ', st.problem && [h('span', { class: 'rule' }, st.problem.rule), st.problem.workload], st.bin && `${clock(st.bin.from)} to ${clock(st.bin.to)} `,
    h('button', { type: 'button', 'data-key': 'show-all', onclick: () => pick(context, { problem: undefined, bin: undefined }) }, 'Show all'));
  ui.pending.hidden = st.waiting.length === 0;
  ui.pending.textContent = `Show ${plural(st.waiting.length, 'new alert')}`;
  replace(ui.list, shown.map((alert) => item(context, alert)));
  ui.roving.drawn();
  replace(ui.more, loading ? null
    : shown.length === 0 && all.length > 0 ? nothingMatches(context)
      : shown.length === 0 && selected ? empty('No alert matches')
        : shown.length === 0 ? empty('No alerts yet', 'New alerts appear here at once.')
          : !selected && st.cursor && h('button', { type: 'button', onclick: () => older(context) }, 'Older alerts'));
}

const nothingMatches = (context) => h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, 'Nothing matches'), h('button', { type: 'button', onclick: () => clear(context) }, 'Show all'));

function clear(context) {
  const st = state(context);
  Object.assign(st, { text: '', bin: undefined, problem: undefined, picked: undefined, least: 'debug' });
  context.go('alerts');
}

async function older(context) {
  const st = state(context);
  try {
    const page = alertsOf(await get('/api/v1/alerts', { limit: pageSize, cursor: st.cursor }));
    st.cursor = st.alerts.length + page.alerts.length >= kept ? undefined : page.next;
    for (const alert of page.alerts) add(st, alert);
    draw(context);
  } catch (error) { toast(error.message, true); }
}

function item(context, alert) {
  const st = state(context);
  const opened = st.open.has(alert.id);
  const id = `detail-${alert.id}`;
  const button = row(alert, { opened, id, onclick: () => {
    if (!st.open.delete(alert.id)) {
      st.open.add(alert.id);
      loadDeliveries(context, alert);
    }
    draw(context);
  } });
  return h('li', { class: `alert ${alert.severity}` }, button, opened && detail(alert, id, actions(context, alert, alert.id)));
}

/** The buttons for what can be done about an alert. */
export const actions = (context, alert, key) => [
  h('button', { type: 'button', 'data-key': `${key}-silence`, 'aria-keyshortcuts': 's', onclick: () => silence(context, alert) }, 'Silence…'),
  alert.message && h('button', { type: 'button', 'data-key': `${key}-try`, 'aria-keyshortcuts': 't', onclick: () => tryLine(context, alert) }, 'Try this line'),
  alert.message && h('button', { type: 'button', 'data-key': `${key}-rule`, onclick: () => ruleOf(context, { line: alert.message, workload: alert.workload }) }, 'Make a rule…'),
];

/** Updates the deliveries of an opened alert. */
async function loadDeliveries(context, alert) {
  try {
    const [now] = alertsOf({ alerts: [await get(`/api/v1/alerts/${encodeURIComponent(alert.id)}`)] }).alerts;
    if (!now) return;
    alert.deliveries = now.deliveries;
    if (context.name === 'alerts') draw(context);
  } catch { /* no longer stored: the known state stays */ }
}

/** Opens the dialog for a silence with the alert's rule and workload. */
export async function silence(context, alert) {
  const start = { rule: alert.rule, workload: alert.workload };
  const done = await openSilence(start, (request) => context.call('POST', '/api/v1/silences', { body: silenceBody(request) }));
  if (!done) return;
  toast(`Silenced: ${alert.rule} in ${alert.workload}`);
  state(context).problemsAt = 0;
  await context.refresh();
}

export const tryLine = (context, alert) => context.go('try', { line: alert.message, workload: alert.workload, stream: alert.stream });

/** Returns the alert that contains the focus, or the latest one of the problem that does. */
function focused(context) {
  const st = state(context), at = document.activeElement;
  const key = at?.closest?.('.problem')?.querySelector('.problem-row').dataset.key;
  if (key) return st.problems?.list.find((p) => `problem-${p.key}` === key)?.latest;
  const id = at?.closest?.('.alert')?.querySelector('.alert-row').dataset.key;
  return [...st.alerts, ...st.picked ?? []].find((a) => a.id === id);
}

export function key(context, event) {
  const st = state(context), { ui } = context;
  const inProblems = ui.problems.contains(document.activeElement) || (ui.problems.offsetParent && !ui.list.offsetParent);
  const list = inProblems ? ui.problemRoving : ui.roving;
  switch (event.key) {
    case 'j': list.move(1); return true;
    case 'k': list.move(-1); return true;
    case 'p': if (st.paused) resume(context); else pause(context); return true;
    case 's': case 't': {
      const alert = focused(context);
      if (!alert) { toast('Select an alert first, with j or k.'); return true; }
      if (event.key === 's') silence(context, alert).catch((error) => toast(errorLines(error).join(' '), true));
      else tryLine(context, alert);
      return true;
    }
    case 'Escape':
      if (!st.bin && !st.problem) return false;
      pick(context, { bin: undefined, problem: undefined });
      return true;
  }
  return false;
}

function drawTiles(context, previous) {
  const { stats } = context.data.previous;
  const seconds = previous ? (Date.now() - previous.at) / 1000 : 0;
  const perSecond = (name) => (seconds > 0.5 && stats[name] >= previous.stats[name] ? rate((stats[name] - previous.stats[name]) / seconds) : '');
  const tile = (name, value, more, level) => h('div', { class: `tile ${level ?? ''}` }, h('dt', null, name), h('dd', null, value, h('span', { class: 'tile-more' }, more)));
  replace(context.ui.checklist, checklist(context, stats.checklist));
  replace(context.ui.tiles,
    tile('Lines', short(stats.lines), perSecond('lines')),
    tile('Hits', short(stats.hits), perSecond('hits')),
    tile('Sent', short(stats.sent), perSecond('sent')),
    tile('Suppressed', short(stats.suppressedTotal), reasons(stats.suppressed), ''),
    tile('Pending', short(stats.waiting), stats.pending ? `${plural(stats.pending, 'hit')} pending` : 'deliveries', stats.holds ? 'warn' : ''),
    tile('Dead letters', short(stats.dead), stats.dead ? 'see Triggers' : 'none', stats.dead ? 'bad' : ''),
    tile('Lost', short(stats.lost), stats.lost ? reasons(stats.drops) : 'none', stats.lost ? 'bad' : ''),
    stats.broken.length > 0 && tile('Configuration', count(stats.broken.length), `${stats.broken.length === 1 ? 'problem' : 'problems'}, see Rules`, 'bad'));
}
