# perl logs.pl LOGGER WHAT: writes errors or ordinary lines through Log::Log4perl, Mojo::Log, Dancer2's console logger or Log::Dispatch.
use strict;
use warnings;

my @ordinary = (
    [debug => 'retry 1 of 3: Connection refused at HTTP.pm line 12.'], [debug => 'GET /api/errors?level=ERROR 200 12ms'], [info => 'batch done: 120 rows, error=0, failed=0'],
    [info => '0 errors, 0 warnings'], [info => 'handler for Billing::CardDeclined is registered'], [info => 'loaded 3 error pages from /srv/app/errors/500.html'],
    [info => 'test t/error.t passed'], [info => 'level changed from ERROR to FATAL'], [info => 'last fatal error: none'], [info => 'Listening at http://*:8080'],
    [warn => 'slow query: 1203 ms, no error'], [warn => 'retrying in 5s: timeout'], [warn => 'error budget is at 87 %'],
);
my %loggers = (
    log4perl => sub { require Log::Log4perl; Log::Log4perl->easy_init({ level => 'DEBUG', layout => $_[0] // '%d %p> %F{1}:%L %M - %m%n' }); Log::Log4perl->get_logger('shop.orders') },
    log4perl_bracket => sub { require Log::Log4perl; Log::Log4perl->easy_init({ level => 'DEBUG', layout => '[%d] [%p] %c - %m%n' }); Log::Log4perl->get_logger('shop.orders') },
    mojo => sub { delete $ENV{MOJO_LOG_SHORT}; require Mojo::Log; Mojo::Log->new(level => 'debug', short => 0) },
    mojo_short => sub { require Mojo::Log; Mojo::Log->new(level => 'debug', short => 1) },
    mojo_colour => sub { require Mojo::Log; Mojo::Log->new(level => 'debug', short => 0, color => 1) },
    dancer2 => sub { require Dancer2::Logger::Console; Dancer2::Logger::Console->new(log_level => 'debug', app_name => 'Shop') },
);
my $log = $loggers{$ARGV[0]}->();
sub call { my ($level, $text) = @_; my $m = $level; $m = 'warning' if $level eq 'warn' && ref($log) =~ /Dancer2/; $m = 'error' if $level eq 'fatal' && !$log->can('fatal'); $log->$m($text) }
if ($ARGV[1] eq 'ordinary') { call(@$_) for @ordinary }
elsif ($ARGV[1] eq 'error') { call(info => 'order received'); call(error => 'cannot charge card of order 4711: gateway answered 502') }
elsif ($ARGV[1] eq 'fatal') { call(fatal => 'no database: giving up') }
elsif ($ARGV[1] eq 'exception') { require Carp; eval { Carp::confess('card 4242 was declined') }; call(error => "checkout failed: $@") }
