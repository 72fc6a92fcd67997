<?php
// php logs.php LOGGER WHAT: writes errors or ordinary lines through Monolog, or Symfony's console formatter.
require '/usr/share/php/Monolog/autoload.php';
require_once '/usr/share/php/Symfony/Bridge/Monolog/autoload.php';
use Monolog\Formatter\{JsonFormatter, LineFormatter, LogstashFormatter};
use Monolog\Handler\{ErrorLogHandler, StreamHandler};
use Monolog\Logger;
require_once '/usr/share/php/Symfony/Component/Console/autoload.php';
use Symfony\Bridge\Monolog\Handler\ConsoleHandler;
use Symfony\Component\Console\Output\{ConsoleOutput, OutputInterface};

class CardDeclined extends Exception {}

function handler($formatter) { $h = new StreamHandler('php://stderr', Logger::DEBUG); $h->setFormatter($formatter); return $h; }
$loggers = [
    'line' => fn () => handler(new LineFormatter()),
    'laravel' => fn () => handler(new LineFormatter(null, 'Y-m-d H:i:s', true, true, true)),
    'json' => fn () => handler(new JsonFormatter(JsonFormatter::BATCH_MODE_NEWLINES, true, false, true)),
    'logstash' => fn () => handler(new LogstashFormatter('shop')),
    'symfony_console' => fn () => new ConsoleHandler(new ConsoleOutput(OutputInterface::VERBOSITY_DEBUG, false)),
    'symfony_colour' => fn () => new ConsoleHandler(new ConsoleOutput(OutputInterface::VERBOSITY_DEBUG, true)),
    'error_log' => fn () => new ErrorLogHandler(),
];
$log = new Logger('production', [$loggers[$argv[1]]()]);
$ordinary = [
    ['debug', 'retry 1 of 3 after GuzzleHttp\Exception\ConnectException: timeout'], ['debug', 'GET /api/errors?level=ERROR 200 12ms'],
    ['info', 'batch done: 120 rows, error=0, failed=0'], ['info', '0 errors, 0 warnings'], ['info', 'handler for Billing\CardDeclinedException is registered'],
    ['info', 'loaded 3 error pages from /srv/app/errors/500.html'], ['info', 'Matched route "errors_show".'], ['info', 'test testErrorIsShown passed'],
    ['info', 'level changed from ERROR to CRITICAL'], ['info', 'last fatal error: none'], ['notice', 'errors are mailed to nobody'],
    ['warning', 'slow query: 1203 ms, no error'], ['warning', 'retrying in 5s: timeout'], ['warning', 'error budget is at 87 %'],
];
switch ($argv[2]) {
    case 'ordinary': foreach ($ordinary as [$level, $text]) { $log->$level($text); } break;
    case 'error': $log->info('order received'); $log->error('cannot charge card of order 4711: gateway answered 502', ['order' => 4711]); break;
    case 'critical': $log->critical('no database: giving up'); break;
    case 'emergency': $log->emergency('the queue is gone'); break;
    case 'exception':
        $log->info('order received');
        try {
            throw new CardDeclined('card 4242 was declined', 51, new RuntimeException('gateway answered 502'));
        } catch (CardDeclined $e) {
            $log->error($e->getMessage(), ['exception' => $e]);
        }
}
