require 'sinatra'
set :server, :puma
set :port, ENV['PORT']
set :environment, :production
set :show_exceptions, false
set :dump_errors, true
get('/ok') { 'ok' }
get('/pay') { raise IndexError, 'no such order' }
