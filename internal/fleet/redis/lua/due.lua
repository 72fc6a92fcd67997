-- KEYS: 1 the work that is due. ARGV: 1 limit. Returns members, the oldest first.
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', str(now()), 'LIMIT', 0, ARGV[1])
