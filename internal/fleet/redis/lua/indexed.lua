-- KEYS: 1 the incidents of a rule and a workload. ARGV: 1 limit. Returns them.
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. str(now()), '+inf', 'LIMIT', 0, ARGV[1])
