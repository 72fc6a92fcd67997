# Ends with, or prints, the error that the argument names.
use strict;
use warnings;
use Carp;

package Billing::CardDeclined {
    use overload '""' => sub { "Billing::CardDeclined: " . $_[0]{text} . "\n" }, fallback => 1;
    sub throw { die bless { text => $_[1] }, $_[0] }
}

sub charge { my $amount = shift; croak "card 4242 was declined for $amount EUR" if $amount > 100; confess "amount is negative" }
sub undefined_value { my $x; return $x->method }

my %cases = (
    die              => sub { die "no broker" },
    die_newline      => sub { die "no broker\n" },
    croak            => sub { charge(250) },
    confess          => sub { charge(-1) },
    undefined_method => sub { undefined_value() },
    no_method        => sub { Billing::CardDeclined->refund },
    no_sub           => sub { no strict 'refs'; &{'refund_all'}() },
    no_package       => sub { Gateway->new },
    missing_module   => sub { require Module::That::Is::Not::There },
    division         => sub { my $z = 0; return 1 / $z },
    modulo           => sub { my $z = 0; return 1 % $z },
    not_a_ref        => sub { my $x = 'text'; return @$x },
    not_code         => sub { my $x = {}; $x->() },
    not_hash         => sub { my $x = []; return $x->{a} },
    read_only        => sub { ${\1} = 2 },
    open_failed      => sub { open my $f, '<', '/etc/shop/config.yaml' or die "cannot open config: $!" },
    opendir_failed   => sub { opendir my $d, '/srv/none' or die "cannot read /srv/none: $!" },
    syntax           => sub { eval 'sub {' or die $@ },
    sort_sub         => sub { my @x = sort { die "cannot compare" } 2, 1 },
    regexp           => sub { my $r = '('; 'x' =~ /$r/ },
    object           => sub { Billing::CardDeclined->throw('card 4242 was declined') },
    cause            => sub { eval { charge(250) }; die "order 4711 cannot be paid: $@" },
    eval_warn        => sub { eval { charge(250) }; warn "checkout failed: $@" },
    refused          => sub { require IO::Socket::INET; IO::Socket::INET->new(PeerAddr => '127.0.0.1:9') or die "cannot connect: $@" },
    system_failed    => sub { system('/srv/none') == 0 or die "cannot run /srv/none: $!" },
    out_of_memory    => sub { my $n = 1 << 46; my $x = 'x' x $n },
    deep_confess     => sub { sub outer { inner(@_) } sub inner { Carp::confess("invariant is broken") } outer(1, 'two') },
    end_block        => sub { eval q{END { die "in END" }}; exit 0 },
    signal_handler   => sub { local $SIG{ALRM} = sub { die "timed out" }; alarm 1; sleep 5 },
    die_hook         => sub { local $SIG{__DIE__} = sub { print STDERR "[", scalar gmtime(0), "] hook: $_[0]" }; die "no broker" },
    uninitialized    => sub { my $x; print "total: " . $x . "\n" },
    not_numeric      => sub { my $x = "12x"; print $x + 1, "\n" },
    warned           => sub { warn "stock is low" },
    carped           => sub { Carp::carp("stock is low") },
    cluck            => sub { Carp::cluck("stock is low") },
    autodie          => sub { eval 'use autodie; open(my $f, "<", "/etc/shop/config.yaml"); 1' or die $@ },
    json             => sub { require JSON::PP; JSON::PP::decode_json("{'a': 1}") },
    utf8             => sub { require Encode; Encode::decode('UTF-8', "\xff", Encode::FB_CROAK()) },
    strict_refs      => sub { my $name = 'total'; return $$name },
    thread_exit      => sub { $SIG{CHLD} = 'DEFAULT'; my $p = fork // die; if (!$p) { die "child has no broker" } waitpid $p, 0; print "child ended with ", $? >> 8, "\n" },
    # ordinary
    ordinary => sub {
        print "$_\n" for 'batch done: 120 rows, error=0, failed=0', '0 errors, 0 warnings', 'ok 1 - dies on error', 'ok 2 - croaks', 'All tests successful.', 'GET /errors/500 200',
            'Result: PASS', '# at line 12 nothing is wrong', 'syntax OK', 'Files=12, Tests=40, errors 0', 'processed /srv/app/error.log at 12:00', 'reading crash.pl line by line';
        print STDERR "retry 1 of 3: connection refused\n", "crash.pl syntax OK\n", "done at line speed\n", "level changed from ERROR to FATAL\n", "died: nobody\n";
    },
    exits => sub { print STDERR "usage: crash COMMAND (errors: 0)\n"; exit 2 },
);
$cases{$ARGV[0]}->();
