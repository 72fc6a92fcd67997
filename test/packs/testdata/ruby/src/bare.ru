run(lambda do |env|
  raise ArgumentError, 'amount is missing' if env['PATH_INFO'] == '/pay'
  [200, { 'Content-Type' => 'text/plain' }, ['ok']]
end)
