// Totals, a timeline, and alerts as they arrive.

import { errorLines, get } from './api.js';
import { detail, row } from './alert.js';
import { openSilence } from './dialogs.js';
import { empty, h, replace, toast, visible } from './dom.js';
import { count, plural, rate, reasons, severities, short } from './format.js';
import { roving } from './keys.js';
import { alertsOf, silenceBody, statsOf } from './model.js';
import { Timeline } from './timeline.js';

export const title = 'Alerts';
export const plainTitle = true;
export const keyHelp = [
  ['j k', 'next and previous alert; arrow keys work too'],
  ['Enter', 'open or close the alert'],
  ['s', 'silence the rule and workload of the alert'],
  ['t', 'try the alert’s line'],
  ['p', 'pause new alerts, or show them'],
  ['← →', 'in the timeline: move between bars; Enter shows only the alerts of a bar'],
];

const kept = 1000; // alerts
const pageSize = 200;

const state = (context) => (context.data.alerts ??= { alerts: [], known: new Set(), open: new Set(), waiting: [], paused: false, loaded: false, text: '', least: 'debug', bin: undefined });

export function show(context) {
  const st = state(context);
  const ui = (context.ui = {
    tiles: h('dl', { class: 'tiles', 'aria-label': 'Totals' }),
    list: h('ol', { class: 'alerts', 'aria-label': 'Alerts, newest first' }),
    more: h('div', { class: 'more' }),
    note: h('p', { class: 'note', role: 'status' }),
    pending: h('button', { type: 'button', class: 'show-new', hidden: true, onclick: () => resume(context, true) }),
  });
  ui.timeline = new Timeline((bin) => { st.bin = bin; draw(context); });
  ui.roving = roving(ui.list, '.alert-row');
  const search = h('input', { type: 'search', 'data-filter': true, placeholder: 'Filter by rule, workload or text', 'aria-label': 'Filter alerts', 'aria-keyshortcuts': '/', value: st.text,
    oninput: () => { st.text = search.value; draw(context); } });
  const least = h('select', { 'aria-label': 'Minimum severity', onchange: () => { st.least = least.value; draw(context); } },
    severities.map((s) => h('option', { value: s, selected: s === st.least }, s === 'debug' ? 'any severity' : s === 'critical' ? 'critical' : `${s} and above`)));
  ui.pause = h('button', { type: 'button', 'aria-keyshortcuts': 'p', onclick: () => (st.paused ? resume(context) : pause(context)) });
  context.main.append(
    ui.tiles, ui.timeline.element,
    h('section', { 'aria-labelledby': 'alerts-title' },
      h('div', { class: 'tools' }, h('h2', { id: 'alerts-title' }, 'Alerts'), ui.note, search, least, ui.pause),
      ui.pending, ui.list, ui.more));
  draw(context);
}

export async function load(context) {
  const st = state(context);
  const [stats, page] = await Promise.all([get('/api/v1/stats'), st.loaded ? undefined : get('/api/v1/alerts', { limit: pageSize })]);
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
  else context.ui.timeline.draw(st.alerts, st.bin);
}

/** Reloads the latest alerts: some may have arrived while the stream was down. */
export function caughtUp(context) {
  const st = state(context);
  if (!st.loaded) return;
  st.loaded = false;
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
}

let drawing;
/** Draws at most four times a second, so that a burst of alerts does not block the browser. */
function drawSoon(context) {
  drawing ??= setTimeout(() => {
    drawing = undefined;
    if (context.name === 'alerts') draw(context);
  }, 250);
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
  draw(context);
  if (top) {
    window.scrollTo(0, 0);
    context.ui.list.querySelector('.alert-row')?.focus({ preventScroll: true });
  }
}

function matches(st, alert) {
  if (severities.indexOf(alert.severity) < severities.indexOf(st.least)) return false;
  if (st.bin && (alert.at < st.bin.from || alert.at >= st.bin.to)) return false;
  const text = st.text.trim().toLowerCase();
  return !text || alert.search.includes(text);
}

function draw(context) {
  const st = state(context), ui = context.ui;
  const shown = st.alerts.filter((a) => matches(st, a));
  ui.timeline.draw(st.alerts, st.bin);
  ui.note.textContent = !st.begun ? 'loading' : shown.length === st.alerts.length ? count(shown.length) : `${count(shown.length)} of ${count(st.alerts.length)}`;
  ui.pause.textContent = st.paused ? 'Resume' : 'Pause';
  ui.pause.setAttribute('aria-pressed', String(st.paused));
  ui.pending.hidden = st.waiting.length === 0;
  ui.pending.textContent = `Show ${plural(st.waiting.length, 'new alert')}`;
  replace(ui.list, shown.map((alert) => item(context, alert)));
  ui.roving.drawn();
  const filtered = st.text || st.bin || st.least !== 'debug';
  replace(ui.more, !st.begun ? null
    : shown.length === 0 && filtered ? h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, 'No alert matches'), h('button', { type: 'button', onclick: () => clear(context) }, 'Show all'))
      : shown.length === 0 ? empty('No alerts yet', 'New alerts appear here at once.')
        : st.cursor && h('button', { type: 'button', onclick: () => older(context) }, 'Older alerts'));
}

function clear(context) {
  const st = state(context);
  Object.assign(st, { text: '', bin: undefined, least: 'debug' });
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
  return h('li', { class: `alert ${alert.severity}` }, button, opened && detail(alert, id, {
    silence: () => silence(context, alert),
    tryLine: () => tryLine(context, alert),
  }));
}

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
  if (done) toast(`Silenced: ${alert.rule} in ${alert.workload}`);
}

export const tryLine = (context, alert) => context.go('try', { line: alert.message, workload: alert.workload, stream: alert.stream });

/** Returns the alert that contains the focus. */
function focused(context) {
  const button = document.activeElement?.closest?.('.alert')?.querySelector('.alert-row');
  return state(context).alerts.find((a) => a.id === button?.dataset.key);
}

export function key(context, event) {
  const st = state(context);
  switch (event.key) {
    case 'j': context.ui.roving.move(1); return true;
    case 'k': context.ui.roving.move(-1); return true;
    case 'p': if (st.paused) resume(context); else pause(context); return true;
    case 's': case 't': {
      const alert = focused(context);
      if (!alert) { toast('Select an alert first, with j or k.'); return true; }
      if (event.key === 's') silence(context, alert).catch((error) => toast(errorLines(error).join(' '), true));
      else tryLine(context, alert);
      return true;
    }
    case 'Escape':
      if (!st.bin) return false;
      st.bin = undefined;
      draw(context);
      return true;
  }
  return false;
}

function drawTiles(context, previous) {
  const { stats } = context.data.previous;
  const seconds = previous ? (Date.now() - previous.at) / 1000 : 0;
  const perSecond = (name) => (seconds > 0.5 && stats[name] >= previous.stats[name] ? rate((stats[name] - previous.stats[name]) / seconds) : '');
  const tile = (name, value, more, level) => h('div', { class: `tile ${level ?? ''}` }, h('dt', null, name), h('dd', null, value, h('span', { class: 'tile-more' }, more)));
  replace(context.ui.tiles,
    tile('Lines', short(stats.lines), perSecond('lines')),
    tile('Hits', short(stats.hits), perSecond('hits')),
    tile('Sent', short(stats.sent), perSecond('sent')),
    tile('Suppressed', short(stats.suppressedTotal), reasons(stats.suppressed), ''),
    tile('Pending', short(stats.waiting), stats.pending ? `${plural(stats.pending, 'hit')} pending` : 'deliveries', stats.holds ? 'warn' : ''),
    tile('Dead letters', short(stats.dead), stats.dead ? 'see Triggers' : 'none', stats.dead ? 'bad' : ''),
    tile('Lost', short(stats.lost), stats.lost ? reasons(stats.drops) : 'none', stats.lost ? 'bad' : ''),
    stats.broken.length > 0 && tile('Problems', count(stats.broken.length), 'in the configuration, see Rules', 'bad'));
}
