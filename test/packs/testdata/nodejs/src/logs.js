'use strict';
// node logs.js LOGGER WHAT: writes errors or ordinary lines.
const ordinary = require('./ordinary.js').lines;

function winston(format, transports) {
  const w = require('winston');
  return w.createLogger({ level: 'silly', format: format(w.format), transports: [new w.transports.Console()] });
}
const loggers = {
  winston_simple: () => winston((f) => f.combine(f.errors({ stack: true }), f.simple())),
  winston_json: () => winston((f) => f.combine(f.timestamp(), f.errors({ stack: true }), f.json())),
  winston_colour: () => winston((f) => f.combine(f.colorize(), f.timestamp(), f.errors({ stack: true }), f.printf((i) => `${i.timestamp} ${i.level}: ${i.stack || i.message}`))),
  winston_printf: () => winston((f) => f.combine(f.timestamp(), f.errors({ stack: true }), f.printf((i) => `${i.timestamp} [${i.level.toUpperCase()}] ${i.stack || i.message}`))),
  bunyan: () => require('bunyan').createLogger({ name: 'shop', level: 'trace' }),
  log4js: () => { const l = require('log4js'); l.configure({ appenders: { out: { type: 'stdout', layout: { type: 'basic' } } }, categories: { default: { appenders: ['out'], level: 'trace' } } }); return l.getLogger('orders'); },
  log4js_colour: () => { const l = require('log4js'); l.configure({ appenders: { out: { type: 'stdout' } }, categories: { default: { appenders: ['out'], level: 'trace' } } }); return l.getLogger('orders'); },
  console: () => ({ debug: console.debug, info: console.info, warn: console.warn, error: (e) => console.error(e instanceof Error ? e : 'ERROR: ' + e), fatal: (e) => console.error('FATAL: ' + e) }),
};
class CardDeclined extends Error { constructor(m) { super(m); this.name = 'CardDeclined'; } }
const what = {
  ordinary(log) { for (const [level, text] of ordinary) log[level](text); },
  error(log) { log.info('order received'); log.error('cannot charge card of order 4711: gateway answered 502'); },
  fatal(log) { log.fatal('no database: giving up'); },
  exception(log) { log.info('order received'); try { null.id; } catch (e) { log.error(e); } },
  custom(log) { try { throw new CardDeclined('card 4242 was declined'); } catch (e) { log.error(e); } },
};
what[process.argv[3]](loggers[process.argv[2]]());
