# A job that fails, as Sidekiq's default error handler reports it.
require 'sidekiq'
require 'sidekiq/exception_handler'
Sidekiq.logger = Sidekiq::Logger.new($stdout)
class Handler
  include Sidekiq::ExceptionHandler
end
begin
  raise KeyError, 'key not found: :customer_id'
rescue KeyError => e
  Handler.new.handle_exception(e, { context: 'Job raised exception', job: { 'class' => 'ChargeJob', 'args' => [4711], 'retry' => true, 'queue' => 'default' } })
end
