'use strict';
// Ends with the error that the argument names.
const fs = require('fs'), net = require('net'), http = require('http'), assert = require('assert'), EventEmitter = require('events');

class CardDeclined extends Error {
  constructor(message, options) { super(message, options); this.name = 'CardDeclined'; this.code = 51; }
}
class PaymentError extends Error {}

function charge(amount) {
  if (amount > 100) throw new CardDeclined(`card 4242 was declined for ${amount} EUR`);
  throw new PaymentError('amount is negative');
}

const cases = {
  typeError() { return undefined.id; },
  notAFunction() { ({}).pay(); },
  referenceError() { return totl; },
  rangeError() { return new Array(-1); },
  syntaxError() { JSON.parse("{'a': 1}"); },
  stackOverflow() { cases.stackOverflow(); },
  uriError() { decodeURIComponent('%'); },
  plainError() { throw new Error('stock service answered 502'); },
  custom() { charge(250); },
  customNoName() { charge(-1); },
  cause() { try { charge(250); } catch (e) { throw new Error('order 4711 cannot be paid', { cause: e }); } },
  aggregate() { throw new AggregateError([new Error('page 1'), new TypeError('page 2')], 'two workers failed'); },
  assertion() { assert.strictEqual(1 + 1, 3); },
  assertionText() { assert(false, 'stock went negative'); },
  throwString() { throw 'no connection'; },
  throwObject() { throw { status: 500, reason: 'no connection' }; },
  noFile() { fs.readFileSync('/etc/shop/config.json'); },
  notADirectory() { fs.readdirSync('/etc/passwd'); },
  missingModule() { require('express-that-is-not-there'); },
  invalidArg() { fs.readFileSync(12.5); },
  refused() { net.connect(9, '127.0.0.1'); },
  inUse() { const a = net.createServer().listen(0, '127.0.0.1', () => net.createServer().listen(a.address().port, '127.0.0.1')); },
  emitterError() { new EventEmitter().emit('error', new Error('unhandled stream failure')); },
  timer() { setTimeout(() => charge(250), 1); },
  rejection() { Promise.reject(new PaymentError('gateway answered 500')); },
  rejectionCustom() { (async () => charge(250))(); },
  rejectionString() { Promise.reject('no connection'); },
  rejectionUndefined() { Promise.reject(); },
  fetchFailed() { return fetch('http://127.0.0.1:8999/'); },
  aborted() { return fetch('http://127.0.0.1:8999/', { signal: AbortSignal.timeout(0) }); },
  reset() {
    const s = net.createServer((c) => c.resetAndDestroy()).listen(0, '127.0.0.1', () => http.get({ port: s.address().port, host: '127.0.0.1' }));
  },
  logged() { try { charge(250); } catch (e) { console.error(e); } },
  loggedPrefix() { try { charge(250); } catch (e) { console.error('checkout failed:', e); } },
  loggedStack() { try { charge(-1); } catch (e) { console.log(e.stack); } },
  loggedCause() { try { cases.cause(); } catch (e) { console.error(e); } },
  loggedSystem() { try { cases.noFile(); } catch (e) { console.error(e); } },
  loggedType() { try { cases.typeError(); } catch (e) { console.error('[%s] request failed', new Date().toISOString(), e); } },
  monitor() { process.on('unhandledRejection', (r, p) => { console.error('Unhandled Rejection at:', p, 'reason:', r); process.exit(1); }); Promise.reject(new PaymentError('late')); },
  heap() { const all = []; for (;;) all.push(new Array(1e5).fill({ a: 1 }).map((x, i) => ({ i }))); },
  openFiles() { const all = []; for (;;) all.push(fs.openSync('/dev/null')); },
  listeners() { const e = new EventEmitter(); for (let i = 0; i < 12; i++) e.on('data', () => {}); },
  abort() { process.abort(); },
  warns() {
    process.emitWarning('the errors option is deprecated', 'DeprecationWarning', 'DEP0200');
    process.emitWarning('retrying after Error: connection reset');
    new Buffer(1);
  },
  exits() { console.error('usage: app COMMAND (errors: 0)'); process.exit(2); },
  plain() {
    for (const text of require('./ordinary.js').texts) console.log(text);
    console.table([{ errors: 0, failed: 0 }]);
    console.log({ error: null, errors: [], status: 'ok' });
  },
};
cases[process.argv[2]]();
