# ruby logs.rb LOGGER WHAT: writes errors or ordinary lines.
require 'logger'
require 'json'

class CardDeclined < StandardError; end

ORDINARY = [
  [:debug, 'retry 1 of 3 after Errno::ECONNREFUSED: Connection refused'],
  [:debug, 'GET /api/errors?level=ERROR 200 12ms'],
  [:info, 'batch done: 120 rows, error=0, failed=0'],
  [:info, '0 errors, 0 warnings'],
  [:info, 'registered handler for Billing::CardDeclinedError'],
  [:info, 'loaded 3 error pages from /srv/app/errors/500.html'],
  [:info, 'Completed 200 OK in 12ms (Views: 3.1ms | ActiveRecord: 0.4ms)'],
  [:info, 'Started GET "/errors/500" for 10.0.0.7 at 2026-11-29 12:00:00 +0000'],
  [:info, 'NoMethodError (was handled)'],
  [:info, '12 runs, 40 assertions, 0 failures, 0 errors, 0 skips'],
  [:info, 'level changed from ERROR to FATAL'],
  [:info, 'last fatal error: none'],
  [:warn, 'slow query: 1203 ms, no error'],
  [:warn, 'retrying in 5s: Net::ReadTimeout'],
  [:warn, 'error budget is at 87 %'],
].freeze

def sidekiq
  require 'sidekiq'
  require 'sidekiq/logger'
  Sidekiq::Logger.new($stdout)
end

LOGGERS = {
  logger: -> { Logger.new($stderr) },
  simple: -> { Logger.new($stdout, formatter: ->(s, t, _, m) { "#{t.utc.strftime('%Y-%m-%d %H:%M:%S')} #{s} #{m.is_a?(Exception) ? "#{m.class}: #{m.message}\n#{m.backtrace.join("\n")}" : m}\n" }) },
  json: -> { Logger.new($stdout, formatter: ->(s, t, _, m) { h = { time: t.utc.iso8601(3), level: s, message: m.to_s }; h[:exception] = m.class.name, h[:backtrace] = m.backtrace if m.is_a?(Exception); "#{h.to_json}\n" }) },
  rails: -> { require 'active_support'; require 'active_support/logger'; l = ActiveSupport::Logger.new($stdout); l.formatter = Logger::Formatter.new; l },
  sidekiq: -> { sidekiq },
  sidekiq_json: -> { l = sidekiq; l.formatter = Sidekiq::Logger::Formatters::JSON.new; l },
}.freeze

def failure
  nil.id
rescue NoMethodError
  begin
    raise CardDeclined, 'card 4242 was declined'
  rescue CardDeclined => e
    e
  end
end

require 'time'
log = LOGGERS.fetch(ARGV[0].to_sym).call
case ARGV[1]
when 'ordinary' then ORDINARY.each { |level, text| log.public_send(level, text) }
when 'error'
  log.info('order received')
  log.error('cannot charge card of order 4711: gateway answered 502')
when 'fatal' then log.fatal('no database: giving up')
when 'exception'
  log.info('order received')
  log.error(failure)
when 'interpolated'
  e = failure
  log.error("checkout failed: #{e.class}: #{e.message}\n\t#{e.backtrace.join("\n\t")}")
end
