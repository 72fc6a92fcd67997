-- KEYS: 1 the windows of the shard. ARGV: 1 limit. Returns hashes of keys.
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. str(now()), '+inf', 'LIMIT', 0, ARGV[1])
