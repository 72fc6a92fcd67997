// The fleet that the instance is in: whether its engine answers, where the hits are, and the nodes.

import { h, table } from './dom.js';
import { count, length, plural, reasons } from './format.js';

const shown = 20; // nodes

const fact = (name, value) => [h('dt', null, name), h('dd', null, value)];

/** The keeper comes first, and then the nodes that were not heard of for longest. */
export function section(fleet) {
  const nodes = fleet.nodes.toSorted((a, b) => Number(b.keeper) - Number(a.keeper) || b.age - a.age || a.name.localeCompare(b.name));
  return h('section', { 'aria-labelledby': 'fleet-title' },
    h('div', { class: 'tools' }, h('h2', { id: 'fleet-title' }, 'Fleet'), h('p', { class: 'note' }, fleet.namespace)),
    nodes.length > 0 && table('Nodes of the fleet', [{ name: 'Node', wide: true }, { name: 'Version' }, { name: 'Last seen' }, { name: 'Role' }], nodes.slice(0, shown).map((n) => h('tr', null,
      h('th', { scope: 'row' }, n.name), h('td', null, n.version || '–'), h('td', null, `${length(n.age * 1000)} ago`), h('td', null, n.keeper ? 'keeper' : '–')))),
    nodes.length > shown && h('p', { class: 'minor' }, `and ${plural(nodes.length - shown, 'node')} more: docker-fluentbit fleet status`),
    h('dl', { class: 'facts wide' },
      fact('Engine', fleet.error ? h('span', { class: 'state bad' }, fleet.error) : h('span', { class: 'state good' }, 'answers')),
      !fleet.error && fact('Hits', `${count(fleet.given)} given, ${count(fleet.reported)} reported, ${count(fleet.unreported)} not yet`),
      fleet.lost > 0 && fact('Lost', h('span', { class: 'state bad' }, `${plural(fleet.lost, 'hit')}, with the engine’s data`)),
      !fleet.error && fact('Cooling down', plural(fleet.windows, 'incident')),
      fleet.outbox > 0 && fact('Not given yet', plural(fleet.outbox, 'hit')),
      fleet.aloneTotal > 0 && fact('Sent alone', `${plural(fleet.aloneTotal, 'alert')} of this node (${reasons(fleet.alone)})`)));
}
