// Alerts over time, as bars of SVG.

import { h, replace, s } from './dom.js';
import { count, hourMinute, plural, severities } from './format.js';

const spans = [['1 hour', 60, 1], ['6 hours', 360, 5], ['24 hours', 1440, 15]]; // words, minutes, minutes of a bar
const height = 64;

/** Draws bars, one of which can be selected. onChoose receives {from, to}, or undefined when the selection ends. */
export class Timeline {
  #span = spans[0];
  #bins = [];
  #cursor = -1;
  #total = 0;
  #chosen;
  #onChoose;

  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.readout = h('p', { class: 'readout', role: 'status' });
    this.plot = h('div', { class: 'plot', tabindex: 0, role: 'group', 'aria-roledescription': 'bar chart', onkeydown: (e) => this.#key(e), onblur: () => this.#point(-1), onpointerleave: () => this.#point(-1) });
    this.switch = h('div', { class: 'segments', role: 'group', 'aria-label': 'Length of the timeline' }, spans.map((span) => h('button', { type: 'button', 'aria-pressed': String(span === this.#span),
      onclick: (e) => {
        this.#span = span;
        for (const b of this.switch.children) b.setAttribute('aria-pressed', String(b === e.currentTarget));
        this.#cursor = -1;
        this.draw(this.alerts);
        if (this.#chosen) this.#choose(undefined);
      } }, span[0])));
    this.element = h('figure', { class: 'timeline' }, h('figcaption', null, h('span', { class: 'figure-title' }, 'Alerts over time'), this.readout, this.switch), this.plot);
  }

  draw(alerts, chosen) {
    this.alerts = alerts;
    this.#chosen = chosen;
    const [words, minutes, each] = this.#span;
    const size = each * 60000;
    const end = (Math.floor(Date.now() / size) + 1) * size;
    const bins = this.#bins = Array.from({ length: minutes / each }, (_, i) => ({ from: end - (minutes / each - i) * size, to: end - (minutes / each - i - 1) * size, all: 0, suppressedTotal: 0, by: {} }));
    for (const a of alerts) {
      const bin = bins[Math.floor((a.at - bins[0].from) / size)];
      if (!bin) continue;
      bin.all++;
      bin.suppressedTotal += a.suppressed.total;
      bin.by[a.severity] = (bin.by[a.severity] ?? 0) + 1;
    }
    const total = this.#total = bins.reduce((n, b) => n + b.all, 0);
    const most = bins.reduce((m, b) => (b.all > m.all ? b : m), bins[0]);
    this.plot.setAttribute('aria-label', `Alerts in the last ${words}: ${count(total)} in all${total ? `, most at ${hourMinute(new Date(most.from))}: ${count(most.all)}` : ''}. Arrow keys move between bars.`);
    this.#bars(Math.max(4, most.all));
    this.#describe();
  }

  #bars(top) {
    const n = this.#bins.length, width = 1000 / n;
    const bars = this.#bins.map((bin, i) => {
      let y = height;
      const chosen = this.#chosen && bin.from === this.#chosen.from;
      const parts = [...severities].reverse().filter((name) => bin.by[name]).map((name) => {
        const tall = Math.max(1.5, bin.by[name] / top * (height - 4));
        y -= tall;
        return s('rect', { class: `part ${name}`, x: i * width + width * 0.1, width: width * 0.8, y, height: tall });
      });
      return s('g', { class: chosen ? 'bin chosen' : 'bin', onpointerenter: () => this.#point(i), onclick: () => this.#choose(bin) },
        s('rect', { class: 'back', x: i * width, width, y: 0, height }), parts);
    });
    const chart = s('svg', { viewBox: `0 0 1000 ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false' }, bars);
    const every = n / 6;
    const ticks = Array.from({ length: 6 }, (_, i) => h('span', null, hourMinute(new Date(this.#bins[Math.floor(i * every)].from))));
    replace(this.plot, this.#total > 0 && h('span', { class: 'scale', 'aria-hidden': 'true' }, count(top)), chart, h('div', { class: 'ticks', 'aria-hidden': 'true' }, ticks, h('span', null, 'now')));
    this.#mark();
  }

  #mark() {
    this.plot.querySelectorAll('.bin').forEach((g, i) => g.classList.toggle('pointed', i === this.#cursor));
  }

  #point(i) {
    this.#cursor = i;
    this.#mark();
    this.#describe();
  }

  #describe() {
    const bin = this.#bins[this.#cursor] ?? (this.#chosen && this.#bins.find((b) => b.from === this.#chosen.from));
    let text = this.#total > 0 ? `${plural(this.#total, 'alert')} in the last ${this.#span[0].replace(/^1 /, '')}` : `none in the last ${this.#span[0].replace(/^1 /, '')}`;
    if (bin) {
      const by = [...severities].reverse().filter((name) => bin.by[name]).map((name) => `${bin.by[name]} ${name}`).join(', ');
      text = `${hourMinute(new Date(bin.from))}–${hourMinute(new Date(bin.to))}: ${plural(bin.all, 'alert')}${by ? ` (${by})` : ''}${bin.suppressedTotal ? `, ${count(bin.suppressedTotal)} suppressed` : ''}`;
      if (this.#chosen && bin.from === this.#chosen.from) text += ' · shown below, Esc shows all';
    }
    if (this.readout.textContent !== text) this.readout.textContent = text;
  }

  #choose(bin) {
    const same = bin && this.#chosen && bin.from === this.#chosen.from;
    this.#onChoose(same || !bin ? undefined : { from: bin.from, to: bin.to });
  }

  #key(event) {
    const n = this.#bins.length;
    const at = this.#cursor < 0 ? n : this.#cursor;
    const to = { ArrowLeft: at - 1, ArrowRight: at === n ? n - 1 : at + 1, Home: 0, End: n - 1 }[event.key];
    if (to !== undefined) this.#point(Math.max(0, Math.min(to, n - 1)));
    else if ((event.key === 'Enter' || event.key === ' ') && this.#cursor >= 0) this.#choose(this.#bins[this.#cursor]);
    else return;
    event.preventDefault();
  }
}
