// An alert as a row, and the detail below it.

import { h, toast } from './dom.js';
import { ago, clock, count, exact, length, plural, reasons, verdicts, words } from './format.js';

/** A time of day, whose date shows when it is pointed at. */
export const when = (at, text = clock(at)) => h('time', { datetime: new Date(at).toISOString(), title: exact(at) }, text);

const states = { delivered: '✓', pending: '…', dead: '✕', dropped: '✕', removed: '–' };

/** The row is a button: Enter and Space open it. */
export function row(alert, { opened, id, onclick }) {
  return h('button', { type: 'button', class: 'alert-row', 'data-key': alert.id, tabindex: -1, 'aria-expanded': String(opened), 'aria-controls': opened ? id : undefined, onclick },
    when(alert.at),
    h('span', { class: `severity ${alert.severity}` }, alert.severity),
    h('span', { class: 'what' }, h('span', { class: 'rule' }, alert.rule), alert.kind !== 'log' && h('span', { class: 'kind' }, words(alert.kind))),
    h('span', { class: 'where' }, alert.workload, alert.container && alert.container !== alert.workload && h('span', { class: 'minor' }, ` ${alert.container}`)),
    alert.summary ? h('span', { class: 'summary' }, alert.summary) : h('code', { class: 'summary' }, alert.message),
    h('span', { class: 'suppressed' }, alert.suppressed.total > 0 && h('span', { title: reasons(alert.suppressed.by) }, `+${count(alert.suppressed.total)}`, h('span', { class: 'unseen' }, ' suppressed'))));
}

const pair = (name, ...value) => value.some(Boolean) && [h('dt', null, name), h('dd', null, value)];

/** The part of the page's address that opens an alert. Messages of receivers link to it. */
export const hrefOf = (alert) => `#/alerts/${encodeURIComponent(alert.id)}`;

async function copy(text, said) {
  try { await navigator.clipboard.writeText(text); toast(said); } catch { toast('The browser denied access to the clipboard.', true); }
}

/** Everything about an alert: the line with those around it, how many hits were suppressed, where it came from and where it was sent. actions are buttons. */
export function detail(alert, id, actions) {
  const lines = [
    ...alert.before.map((text) => h('span', { class: 'line' }, text)),
    alert.message && h('mark', { class: 'line' }, alert.message),
    ...alert.after.map((text) => h('span', { class: 'line' }, text)),
  ];
  return h('div', { class: 'detail', id, role: 'group', 'aria-label': `Alert ${alert.rule}` },
    h('pre', { class: 'lines', tabindex: 0, role: 'region', 'aria-label': alert.before.length + alert.after.length > 0 ? 'Log line with context' : 'Log line' }, lines),
    alert.truncated && h('p', { class: 'hint' }, 'Truncated: the line was longer.'),
    h('dl', { class: 'facts' },
      pair('Time', when(alert.at, exact(alert.at)), `, ${ago(alert.at)}`),
      alert.count > 1 && pair('Covers', `${plural(alert.count, 'hit')}, ${clock(alert.first)} to ${clock(alert.last)}`),
      alert.suppressed.total > 0 && pair('Suppressed', `${count(alert.suppressed.total)} before it (${reasons(alert.suppressed.by)})${alert.suppressed.since ? `, since ${clock(alert.suppressed.since)}` : ''}`),
      pair('From', [alert.workload, alert.container, alert.stream, alert.host, alert.image].filter(Boolean).join(' · ')),
      alert.fleet && pair('Fleet', [alert.fleet.alone ? 'sent without an answer of the engine' : alert.fleet.nodes > 1 ? `hits of ${plural(alert.fleet.nodes, 'node')}` : 'one alert for all nodes', alert.fleet.hosts.join(', ')].filter(Boolean).join(' · ')),
      alert.imageAge && pair('Image', `${length(alert.imageAge.seconds * 1000)} after ${alert.imageAge.name}`),
      alert.rate && pair('Rate', `${count(alert.rate.hits)} in ${length(alert.rate.seconds * 1000)}, usually ${alert.rate.usual}`),
      alert.ratio && pair('Ratio', `${alert.ratio.percent}% of ${alert.ratio.of} (${count(alert.ratio.hits)} of ${count(alert.ratio.ofHits)}) in ${length(alert.ratio.seconds * 1000)}`),
      alert.deploy && pair('Verdict', h('span', { class: `state ${verdicts[alert.deploy] ?? ''}` }, alert.deploy)),
      [...Object.entries(alert.captures), ...Object.entries(alert.fields)].map(([name, value]) => pair(h('code', null, name), h('code', null, value))),
      Object.keys(alert.labels).length > 0 && pair('Labels', Object.entries(alert.labels).map(([name, value]) => h('span', { class: 'label' }, `${name}=${value}`))),
      alert.runbook && pair('Runbook', link(alert.runbook)),
      alert.deliveries.length > 0 && pair('Sent to', alert.deliveries.map((d) => h('span', { class: `delivery ${d.state}`, title: d.reason || undefined },
        `${states[d.state] ?? '?'} ${d.trigger}`, h('span', { class: 'minor' }, ` ${d.state}${d.attempts > 1 ? `, ${plural(d.attempts, 'attempt')}` : ''}${d.reason && d.state !== 'delivered' ? `: ${d.reason}` : ''}`)))),
      pair('Link', h('a', { href: hrefOf(alert), 'data-key': `${alert.id}-link` }, h('code', null, alert.id)))),
    h('div', { class: 'buttons left' },
      actions,
      navigator.clipboard && [
        h('button', { type: 'button', 'data-key': `${alert.id}-copy`, onclick: () => copy(alert.message || alert.summary, 'Line copied') }, 'Copy line'),
        h('button', { type: 'button', 'data-key': `${alert.id}-copy-link`, onclick: () => copy(new URL(hrefOf(alert), location.href).href, 'Link copied') }, 'Copy link')]));
}

/** Links http and https addresses only. Others are shown as text. */
function link(address) {
  if (!/^https?:\/\//i.test(address)) return h('code', null, address);
  return h('a', { href: address, rel: 'noopener noreferrer', target: '_blank' }, address);
}
