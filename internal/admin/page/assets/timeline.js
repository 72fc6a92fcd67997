// Alerts over time, as bars of SVG with axes.

import { h, replace, s } from './dom.js';
import { count, dayName, hourMinute, plural, severities } from './format.js';

/** The windows to choose from: words, minutes, parts, and minutes between the marks of the axis. */
export const spans = [
  { words: '1 hour', minutes: 60, bins: 60, mark: 10 },
  { words: '6 hours', minutes: 360, bins: 72, mark: 60 },
  { words: '24 hours', minutes: 1440, bins: 96, mark: 180 },
  { words: '7 days', minutes: 10080, bins: 84, mark: 1440 },
];
const height = 72;

/** 1, 2 or 5 times a power of ten, at least 4: the upper end of the axis. */
function roundUp(n) {
  if (n <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= n);
}

/** The marks of the axis of time: at round times of the local clock. */
function marks(from, until, span) {
  const step = span.mark * 60000, at = new Date(from);
  at.setHours(0, 0, 0, 0);
  const out = [];
  for (let t = at.getTime(); t < until; t = span.mark === 1440 ? new Date(t).setDate(new Date(t).getDate() + 1) : t + step) {
    if (t >= from) out.push({ at: (t - from) / (until - from), text: span.mark === 1440 || hourMinute(new Date(t)) === '00:00' ? dayName(new Date(t)) : hourMinute(new Date(t)) });
  }
  return out;
}

/** Draws bars, one of which can be selected. onChoose receives {from, to}, or undefined when the selection ends; onSpan the chosen window. */
export class Timeline {
  #bins = [];
  #cursor = -1;
  #total = 0;
  #chosen;
  #span;
  #onChoose;

  constructor(span, onChoose, onSpan) {
    this.#span = span;
    this.#onChoose = onChoose;
    this.readout = h('p', { class: 'readout', role: 'status' });
    this.plot = h('div', { class: 'plot', tabindex: 0, role: 'group', 'aria-roledescription': 'bar chart', onkeydown: (e) => this.#key(e), onblur: () => this.#point(-1), onpointerleave: () => this.#point(-1) });
    this.tip = h('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
    this.switch = h('div', { class: 'segments', role: 'group', 'aria-label': 'Length of the timeline' }, spans.map((one) => h('button', { type: 'button', 'aria-pressed': String(one === span),
      onclick: (e) => {
        this.#span = one;
        for (const b of this.switch.children) b.setAttribute('aria-pressed', String(b === e.currentTarget));
        this.#cursor = -1;
        onSpan(one);
      } }, one.words)));
    this.element = h('figure', { class: 'timeline' }, h('figcaption', null, h('span', { class: 'figure-title' }, 'Alerts over time'), this.readout, this.switch), this.plot);
  }

  /** Draws {from, until, alerts: {severity: [number by part]}}. */
  draw({ from, until, alerts }, chosen) {
    this.#chosen = chosen;
    const n = Math.max(0, ...Object.values(alerts).map((of) => of.length)) || this.#span.bins;
    const size = (until - from) / n;
    this.#bins = Array.from({ length: n }, (_, i) => {
      const by = Object.fromEntries(severities.filter((name) => alerts[name]?.[i]).map((name) => [name, alerts[name][i]]));
      return { from: from + i * size, to: from + (i + 1) * size, all: Object.values(by).reduce((sum, v) => sum + v, 0), by };
    });
    const total = this.#total = this.#bins.reduce((sum, b) => sum + b.all, 0);
    const most = this.#bins.reduce((m, b) => (b.all > m.all ? b : m), this.#bins[0]);
    this.plot.setAttribute('aria-label', `Alerts in the last ${this.#span.words}: ${count(total)} in all${total ? `, most at ${hourMinute(new Date(most.from))}: ${count(most.all)}` : ''}. Arrow keys move between bars.`);
    this.#bars(roundUp(most.all), from, until);
    this.#describe();
  }

  #bars(top, from, until) {
    const n = this.#bins.length, width = 1000 / n;
    const bars = this.#bins.map((bin, i) => {
      let y = height;
      const chosen = this.#chosen && bin.from === this.#chosen.from;
      const parts = [...severities].reverse().filter((name) => bin.by[name]).map((name) => {
        const tall = Math.max(1.5, bin.by[name] / top * height);
        y -= tall;
        return s('rect', { class: `part ${name}`, x: i * width + width * 0.1, width: width * 0.8, y, height: tall });
      });
      return s('g', { class: chosen ? 'bin chosen' : 'bin', onpointerenter: () => this.#point(i), onclick: () => this.#choose(bin) },
        s('rect', { class: 'back', x: i * width, width, y: 0, height }), parts);
    });
    const times = marks(from, until, this.#span);
    const chart = s('svg', { viewBox: `0 0 1000 ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false' },
      [0, 0.5].map((at) => s('line', { class: 'rule-line', x1: 0, x2: 1000, y1: at * height, y2: at * height })),
      times.map((m) => s('line', { class: 'rule-line', x1: m.at * 1000, x2: m.at * 1000, y1: 0, y2: height })), bars);
    const ticks = h('div', { class: 'ticks', 'aria-hidden': 'true' }, times.filter((m) => m.at > 0.02 && m.at < 0.95).map((m) => {
      const tick = h('span', null, m.text);
      tick.style.left = `${m.at * 100}%`;
      return tick;
    }), h('span', { class: 'now' }, 'now'));
    const axis = h('div', { class: 'axis', 'aria-hidden': 'true' }, [top, top / 2, 0].map((v) => h('span', null, count(v))));
    replace(this.plot, axis, h('div', { class: 'bars' }, chart, this.tip), ticks);
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
    const pointed = this.#bins[this.#cursor];
    const bin = pointed ?? (this.#chosen && this.#bins.find((b) => b.from === this.#chosen.from));
    const last = this.#span.words.replace(/^1 /, '');
    let text = this.#total > 0 ? `${plural(this.#total, 'alert')} in the last ${last}` : `none in the last ${last}`;
    if (bin) {
      const by = [...severities].reverse().filter((name) => bin.by[name]).map((name) => `${bin.by[name]} ${name}`).join(', ');
      const day = new Date(bin.from).toDateString() === new Date().toDateString() ? '' : `${dayName(new Date(bin.from))} `;
      text = `${day}${hourMinute(new Date(bin.from))}–${hourMinute(new Date(bin.to))}: ${plural(bin.all, 'alert')}${by ? ` (${by})` : ''}`;
      if (this.#chosen && bin.from === this.#chosen.from) text += ' · shown below, Esc shows all';
    }
    if (this.readout.textContent !== text) this.readout.textContent = text;
    this.tip.hidden = !pointed;
    if (!pointed) return;
    const at = (this.#cursor + 0.5) / this.#bins.length;
    this.tip.textContent = text;
    this.tip.style.left = `${at * 100}%`;
    this.tip.style.transform = `translateX(${-at * 100}%)`;
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
