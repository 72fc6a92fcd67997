<?php
// Ends with, or prints, the error that the argument names.
namespace Billing;

class CardDeclined extends \Exception {}
class OutOfStock extends \DomainException {}

function charge(int $amount): void
{
    if ($amount > 100) {
        throw new CardDeclined("card 4242 was declined for $amount EUR", 51);
    }
    throw new OutOfStock('only 2 of sku-17 left');
}

abstract class Shape { abstract public function area(); }
enum Suit: string { case Hearts = 'H'; }

$cases = [
    'type_error' => fn () => charge('many'),
    'argument_count' => fn () => charge(),
    'call_on_null' => fn () => (null)->pay(),
    'undefined_function' => fn () => refund_all(),
    'undefined_method' => fn () => (new \ArrayObject())->pay(),
    'undefined_class' => fn () => new Gateway(),
    'undefined_constant' => fn () => LIMIT,
    'division' => fn () => intdiv(1, 0),
    'modulo' => fn () => 1 % 0,
    'value_error' => fn () => array_combine([1], [1, 2]),
    'unhandled_match' => fn () => match (3) { 1 => 'a' },
    'abstract' => fn () => new Shape(),
    'enum' => fn () => Suit::from('X'),
    'readonly' => function () { $o = new class { public function __construct(public readonly int $id = 1) {} }; $o->id = 2; },
    'custom' => fn () => charge(250),
    'custom_other' => fn () => charge(1),
    'cause' => function () { try { charge(250); } catch (CardDeclined $e) { throw new \RuntimeException('order 4711 cannot be paid', 0, $e); } },
    'multiline' => fn () => throw new \Exception("first line\nsecond line"),
    'json' => fn () => json_decode("{'a': 1}", flags: JSON_THROW_ON_ERROR),
    'pdo' => fn () => new \PDO('nodriver:host=127.0.0.1'),
    'error_exception' => function () { set_error_handler(fn ($n, $m, $f, $l) => throw new \ErrorException($m, 0, $n, $f, $l)); echo $undefined; },
    'generator' => function () { $g = (fn () => yield 1)(); foreach ($g as $x); foreach ($g as $x); },
    'closure_bind' => fn () => throw new \BadMethodCallException('refund'),
    'memory' => function () { ini_set('memory_limit', '4M'); $all = []; for (;;) { $all[] = str_repeat('x', 100000); } },
    'time' => function () { set_time_limit(1); for (;;) { } },
    'recursion' => function () { ini_set('memory_limit', '8M'); $f = function () use (&$f) { return $f(1) + 1; }; $f(); },
    'require' => fn () => require '/srv/app/config/missing.php',
    'redeclare' => fn () => eval('namespace Billing; function charge() {}'),
    'parse' => fn () => eval('function ('),
    'include' => fn () => include '/srv/app/config/missing.php',
    'undefined_variable' => function () { echo $total; },
    'undefined_key' => function () { $a = ['a' => 1]; return $a['customer_id']; },
    'array_to_string' => fn () => 'x' . [],
    'no_file' => fn () => file_get_contents('/etc/shop/config.yaml'),
    'fsockopen' => fn () => fsockopen('127.0.0.1', 9),
    'headers_sent' => function () { echo "x\n"; flush(); header('X-A: b'); },
    'user_error' => fn () => trigger_error('no broker', E_USER_ERROR),
    'user_warning' => fn () => trigger_error('stock is low', E_USER_WARNING),
    'error_log' => function () { try { charge(250); } catch (CardDeclined $e) { error_log((string) $e); } },
    'error_log_text' => fn () => error_log('PHP is fine, errors: 0'),
    'deprecated' => fn () => strlen(null),
    'user_notice' => fn () => trigger_error('cache is cold', E_USER_NOTICE),
    'user_deprecated' => fn () => trigger_error('use charge() of Gateway', E_USER_DEPRECATED),
    'ordinary' => function () {
        foreach (['batch done: 120 rows, error=0, failed=0', '0 errors, 0 warnings', 'OK (12 tests, 40 assertions)', 'GET /errors/500 200', 'handler for Billing\CardDeclined is registered',
            'Fatal errors: none', 'Warning: level is 12', 'No syntax errors detected in src/Error.php', 'Uncaught exceptions: 0', 'exception handler is set'] as $text) {
            echo $text, "\n";
            error_log($text);
        }
    },
    'exits' => function () { fwrite(STDERR, "usage: crash COMMAND (errors: 0)\n"); exit(2); },
];
$cases[$argv[1]]();
