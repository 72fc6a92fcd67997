# A Rails application in one file: rackup or puma starts it.
require 'logger'
require 'action_controller/railtie'

class CardDeclined < StandardError; end

class App < Rails::Application
  config.eager_load = false
  config.secret_key_base = 'x' * 40
  config.hosts.clear
  config.consider_all_requests_local = ENV['RAILS_ENV'] == 'development'
  config.logger = ENV['RAILS_TAGGED'] ? ActiveSupport::TaggedLogging.new(Logger.new($stdout, formatter: Logger::Formatter.new)) : ActiveSupport::Logger.new($stdout)
  config.log_level = :info
  config.log_tags = [:request_id] if ENV['RAILS_TAGGED']
  if ENV['RAILS_LOGRAGE']
    require 'lograge'
    config.lograge.enabled = true
    config.lograge.formatter = Lograge::Formatters::Json.new if ENV['RAILS_LOGRAGE'] == 'json'
  end
  routes.append do
    get '/ok' => 'orders#ok'
    get '/pay' => 'orders#pay'
    get '/errors/500' => 'orders#ok'
  end
end

class OrdersController < ActionController::Base
  def ok = render(plain: 'ok')

  def pay
    raise CardDeclined, 'card 4242 was declined'
  end
end

App.initialize!
