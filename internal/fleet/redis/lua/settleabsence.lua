-- ARGV: 2 run, 3 due time. Returns: 1 it ended by this run, 0 it did not.
local a = redis.call('HMGET', KEYS[1], 'fz', 'sd', 'sr', 'zk')
local mine = 0
if a[1] == ARGV[3] then
  redis.call('HDEL', KEYS[1], 'fz', 'tu', 'tr', 'zl', 'zs', 'zk')
  redis.call('HSET', KEYS[1], 'sd', ARGV[3], 'sr', ARGV[2])
  if a[4] == '3' then
    redis.call('HSET', KEYS[1], 't', ARGV[3])
    recover()
  else
    redis.call('HDEL', KEYS[1], 't', 'rc')
  end
  mine = 1
elseif a[2] == ARGV[3] and a[3] == ARGV[2] then
  mine = 1
end
schedule()
return { mine }
