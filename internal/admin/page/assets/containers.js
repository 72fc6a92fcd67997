// The instances, the workloads with their counters, and the containers of the engine.

import { get } from './api.js';
import { empty, h, replace, table } from './dom.js';
import { ago, bytes, count, plural, reasons, short, verdicts, words } from './format.js';
import { section } from './fleet.js';
import { fleetOf, followedOf, instancesOf, otherWorkloadsOf, statsOf, workloadsOf } from './model.js';
import { sortable, sorted } from './sort.js';

export const title = 'Containers';
export const keyHelp = [];

const sorting = { key: 'hits', down: true };

const columns = [
  { key: 'name', name: 'Workload', wide: true, value: (w) => w.name },
  { key: 'containers', name: 'Containers', value: (w) => w.containers.length },
  { key: 'lines', name: 'Lines', num: true, value: (w) => w.lines },
  { key: 'hits', name: 'Hits', num: true, value: (w) => w.hits },
  { key: 'sent', name: 'Sent', num: true, value: (w) => w.sent },
  { key: 'suppressed', name: 'Suppressed', num: true, value: (w) => w.suppressedTotal },
  { key: 'seen', name: 'Last line', num: true, value: (w) => w.seen ?? 0 },
];

export function show(context) {
  const ui = (context.ui = { instances: h('div'), fleet: h('div'), workloads: h('div'), containers: h('div'), text: '' });
  const search = h('input', { type: 'search', 'data-filter': true, placeholder: 'Filter workloads and containers', 'aria-label': 'Filter workloads and containers', oninput: () => { ui.text = search.value.trim().toLowerCase(); draw(context); } });
  context.main.append(
    h('section', { 'aria-labelledby': 'instances-title' }, h('h2', { id: 'instances-title' }, 'Instances'), ui.instances),
    ui.fleet,
    h('section', { 'aria-labelledby': 'workloads-title' }, h('div', { class: 'tools' }, h('h2', { id: 'workloads-title' }, 'Workloads'), search), ui.workloads),
    ui.containers);
  if (context.data.containers) draw(context);
}

export async function load(context) {
  const [instances, workloads, stats] = await Promise.all([get('/api/v1/instances'), get('/api/v1/workloads'), get('/api/v1/stats')]);
  const own = statsOf(stats).instance;
  const follows = instancesOf(instances).some((i) => i.kind === 'standalone' && (!own || i.id === own));
  const followed = follows ? await get('/api/v1/containers', { limit: 1000 }) : {};
  const fleet = statsOf(stats).inFleet ? fleetOf(await get('/api/v1/fleet')) : undefined;
  context.data.containers = { fleet, instances: instancesOf(instances), workloads: workloadsOf(workloads), other: otherWorkloadsOf(workloads), stats: statsOf(stats), followed: followedOf(followed) };
  context.warn(context.data.containers.stats.warnings);
  if (context.name === 'containers') draw(context);
}

function draw(context) {
  if (!context.data.containers) return; // still loading
  const { fleet, instances, workloads, other, stats, followed } = context.data.containers;
  const { ui } = context;
  const tails = Object.entries(stats.tails).filter(([, n]) => n > 0).map(([state, n]) => `${n} ${words(state)}`).join(', ');
  replace(ui.instances, table('Instances', [{ name: 'Instance', wide: true }, { name: 'Kind' }, { name: 'Version' }, { name: 'Started' }, { name: 'State' }],
    instances.map((i) => h('tr', null, h('th', { scope: 'row' }, i.id), h('td', null, i.kind), h('td', null, i.version), h('td', null, i.started ? ago(i.started) : '–'),
      h('td', null, i.ready === false ? h('span', { class: 'state bad' }, i.state || 'not ready') : h('span', { class: 'state good' }, i.state || 'ready'))))),
  h('dl', { class: 'facts wide' },
    fact('Totals', `${plural(stats.lines, 'line')}, ${plural(stats.hits, 'hit')}, ${count(stats.sent)} sent`),
    fact('Store', [stats.store.mode, stats.store.max ? `${bytes(stats.store.used)} of ${bytes(stats.store.max)}` : bytes(stats.store.used), stats.store.error].filter(Boolean).join(', ')),
    tails && fact('Logs followed', tails),
    fact('Evicted keys', stats.evicted ? `${plural(stats.evicted, 'key')}: the next hit of each sends an alert` : 'none'),
    stats.heartbeat && fact('Heartbeat', stats.heartbeat.reason ? `not sent: ${stats.heartbeat.reason}` : stats.heartbeat.last ? ago(stats.heartbeat.last) : 'none sent yet'),
    stats.redacted > 0 && fact('Secrets masked', count(stats.redacted)),
    stats.lost > 0 && fact('Lost', reasons(stats.drops))));
  replace(ui.fleet, fleet && section(fleet));
  drawFollowed(context, followed);
  const found = workloads.filter((w) => !ui.text || w.name.toLowerCase().includes(ui.text) || w.containers.some((c) => c.name.toLowerCase().includes(ui.text)));
  if (workloads.length === 0) {
    replace(ui.workloads, empty('No records yet', 'A workload appears here with its first line.'));
    return;
  }
  const cells = { lines: (w) => short(w.lines), hits: (w) => short(w.hits), sent: (w) => short(w.sent), suppressed: (w) => h('span', { title: reasons(w.suppressed) || undefined }, short(w.suppressedTotal)), seen: (w) => (w.seen ? ago(w.seen) : '–') };
  replace(ui.workloads, table('Workloads', sortable(columns, sorting, () => draw(context)), sorted(found, columns, sorting).map((w) => h('tr', null,
    h('th', { scope: 'row' }, h('button', { type: 'button', class: 'linkish', 'data-key': `workload-${w.name}`, onclick: () => context.go('try', { workload: w.name }), title: 'Try a line against its rules' }, w.name), image(w.image)),
    h('td', { class: 'wide' }, containers(w.containers)),
    columns.filter((c) => c.num).map((c) => h('td', { class: 'num' }, cells[c.key](w)))))),
  other.lines > 0 && h('p', { class: 'minor' }, `Workloads beyond the limit: ${plural(other.lines, 'line')}, ${plural(other.hits, 'hit')}, ${count(other.sent)} sent, ${count(other.suppressedTotal)} suppressed.`));
}

/** Shows since when a workload runs its image, and whether it is better or worse than the last one. Nothing, while no image took the place of another. */
function image(i) {
  if (!i?.last) return undefined;
  const since = i.since ? `, ${ago(i.since)}` : '';
  return h('div', { class: 'minor', title: i.reason || undefined }, `${i.name} after ${i.last}${since} `, i.verdict !== 'unknown' && h('span', { class: `state ${verdicts[i.verdict] ?? ''}` }, i.verdict));
}

const followedColumns = [
  { key: 'name', name: 'Container', wide: true, value: (c) => c.name },
  { key: 'workload', name: 'Workload', value: (c) => c.workload },
  { key: 'engine', name: 'Engine', value: (c) => c.engine },
  { key: 'followed', name: 'Followed', wide: true, value: (c) => `${c.followed ? 1 : 0}${c.reason}${c.state}` },
  { key: 'lines', name: 'Lines', num: true, value: (c) => c.lines },
  { key: 'hits', name: 'Hits', num: true, value: (c) => c.hits },
  { key: 'joined', name: 'Joined', num: true, value: (c) => c.joined },
  { key: 'seen', name: 'Last line', num: true, value: (c) => c.seen ?? 0 },
];
const followedSorting = { key: 'name', down: false };

/** Shows the engine's containers, and whether they are followed. The plugin has no such list. */
function drawFollowed(context, { list, more }) {
  const { ui } = context;
  if (!list) { replace(ui.containers); return; }
  const found = list.filter((c) => !ui.text || c.name.toLowerCase().includes(ui.text) || c.workload.toLowerCase().includes(ui.text));
  const left = list.filter((c) => !c.followed).length;
  replace(ui.containers, h('section', { 'aria-labelledby': 'followed-title' },
    h('div', { class: 'tools' }, h('h2', { id: 'followed-title' }, 'Containers'), h('p', { class: 'note' }, `${count(list.length - left)} followed, ${count(left)} not followed${more ? '; docker-fluentbit containers lists more' : ''}`)),
    list.length === 0 ? empty('The engine has no containers') : table('Containers', sortable(followedColumns, followedSorting, () => draw(context)), sorted(found, followedColumns, followedSorting).map((c) => h('tr', { class: c.followed ? undefined : 'miss' },
      h('th', { scope: 'row', class: 'wide', title: [c.image, c.id].filter(Boolean).join(' ') || undefined }, c.name),
      h('td', null, c.workload || '–'), h('td', null, c.engine || '–'),
      h('td', { class: 'wide' }, h('span', { class: `state ${!c.followed ? '' : c.reason ? 'warn' : 'good'}` }, c.followed ? c.state : 'no'), c.reason && h('span', { class: 'minor block' }, c.reason)),
      h('td', { class: 'num' }, short(c.lines)), h('td', { class: 'num' }, short(c.hits)),
      h('td', { class: 'num', title: c.joined ? `${count(c.joined)} lines of stack traces in ${count(c.records)} records` : undefined }, short(c.joined)), h('td', { class: 'num' }, c.seen ? ago(c.seen) : '–'))))));
}

const fact = (name, value) => [h('dt', null, name), h('dd', null, value)];

function containers(list) {
  if (list.length === 0) return h('span', { class: 'minor' }, '–');
  const shown = list.slice(0, 6).map((c) => h('span', { class: 'label', title: [c.image, c.id].filter(Boolean).join(' ') || undefined }, c.name));
  return [shown, list.length > 6 && h('span', { class: 'minor' }, `and ${count(list.length - 6)} more`)];
}
