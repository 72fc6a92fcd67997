# Ends with the error that the argument names.
require 'json'
require 'socket'
require 'timeout'
require 'logger'

module Billing
  class CardDeclined < StandardError; end
  class OutOfStock < StandardError
    def initialize(sku) = super("only 2 of #{sku} left")
  end

  def self.charge(amount)
    raise CardDeclined, "card 4242 was declined for #{amount} EUR" if amount > 100
    raise OutOfStock, 'sku-17'
  end
end

def deep(n) = deep(n + 1) + 1

CASES = {
  no_method: -> { nil.id },
  name_error: -> { totl },
  type_error: -> { 'total: ' + 5 },
  argument_error: -> { Integer('12x') },
  wrong_arguments: -> { Billing.charge },
  zero_division: -> { 1 / 0 },
  key_error: -> { { a: 1 }.fetch(:customer_id) },
  index_error: -> { [].fetch(3) },
  frozen: -> { 'a'.freeze << 'b' },
  range_error: -> { [1].first(-1) },
  runtime: -> { raise 'no broker' },
  standard: -> { raise StandardError },
  custom: -> { Billing.charge(250) },
  custom_other: -> { Billing.charge(1) },
  cause: -> { begin; Billing.charge(250); rescue => e; raise 'order 4711 cannot be paid'; end },
  multiline: -> { raise "first line\nsecond line" },
  json: -> { JSON.parse("{'a': 1}") },
  no_file: -> { File.read('/etc/shop/config.yml') },
  access: -> { raise Errno::EACCES, '/etc/shadow' },
  refused: -> { TCPSocket.new('127.0.0.1', 9) },
  in_use: -> { a = TCPServer.new('127.0.0.1', 0); TCPServer.new('127.0.0.1', a.addr[1]) },
  timeout: -> { Timeout.timeout(0.01) { sleep 1 } },
  unknown_host: -> { raise SocketError, 'getaddrinfo: Name or service not known' },
  stack: -> { deep(0) },
  no_memory: -> { raise NoMemoryError, 'failed to allocate memory' },
  thread: -> { Thread.new { Billing.charge(250) }.join },
  fiber: -> { Fiber.new { Billing.charge(1) }.resume },
  deadlock: -> { Thread.current.report_on_exception = true; Queue.new.pop },
  load_error: -> { require 'gem_that_is_not_there' },
  not_implemented: -> { raise NotImplementedError, 'refund' },
  stop_iteration: -> { [].each.next },
  encoding: -> { "\xff".encode('UTF-16') },
  regexp: -> { Regexp.new('(') },
  broken_pipe: -> { raise Errno::EPIPE },
  segfault: -> { Process.kill('SEGV', Process.pid); sleep 1 },
  full_message: -> { begin; Billing.charge(250); rescue => e; warn e.full_message(highlight: false); end },
  full_message_bottom: -> { begin; Billing.charge(250); rescue => e; warn e.full_message(highlight: false, order: :bottom); end },
  highlight: -> { begin; Billing.charge(250); rescue => e; warn e.full_message(highlight: true); end },
  inspect: -> { begin; Billing.charge(250); rescue => e; warn "#{e.class}: #{e.message}", e.backtrace; end },
  out_of_files: -> { raise Errno::EMFILE, '/srv/app/data' },
  # ordinary
  exits: -> { abort 'usage: crash COMMAND (errors: 0)' },
  interrupted: -> { Process.kill('INT', Process.pid); sleep 1 },
  warns: -> { warn 'the errors option is deprecated'; warn 'crash.rb:3: warning: already initialized constant X' },
}.freeze
CASES.fetch(ARGV[0].to_sym).call
