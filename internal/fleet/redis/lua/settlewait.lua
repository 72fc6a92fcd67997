-- ARGV: 2 run, 3 due time. Returns: 1 it ended by this run, 0 it did not.
local q = redis.call('HMGET', KEYS[1], 'fz', 'sd', 'sr')
local mine = 0
if q[1] == ARGV[3] then
  redis.call('HDEL', KEYS[1], 'fz', 'tu', 'tr', 'zb', 'zs', 'zr', 'zx')
  redis.call('HSET', KEYS[1], 'sd', ARGV[3], 'sr', ARGV[2])
  mine = 1
elseif q[2] == ARGV[3] and q[3] == ARGV[2] then
  mine = 1
end
schedule()
return { mine }
