-- ARGV: 3 run, 4 alert of a lead or '', 5 due time of a roll-up
-- Returns: 1 it ended by this run, 0 it did not.
local t, run, mine = now(), ARGV[3], 0
local w = redis.call('HMGET', KEYS[1], 'o', 'id', 'rn', 'fz', 'zn', 'sd', 'sr')
if w[1] and ARGV[4] ~= '' then
  if w[2] == ARGV[4] then
    redis.call('HDEL', KEYS[1], 'p', 'hd', 'hx')
    if w[3] == run then mine = 1 end
  end
elseif w[1] then
  if w[4] == ARGV[5] then
    redis.call('HDEL', KEYS[1], 'fz', 'tu', 'tr', 'zn', 'zc', 'zk', 'zf', 'zl', 'zs', 'zh', 'ze')
    redis.call('HSET', KEYS[1], 'sd', ARGV[5], 'sr', run)
    redis.call('HINCRBY', KEYS[4], 'reported', w[5])
    if redis.call('HINCRBY', KEYS[4], 'u:' .. kh, '-' .. w[5]) <= 0 then redis.call('HDEL', KEYS[4], 'u:' .. kh) end
    redis.call('PEXPIRE', KEYS[4], LONGEST)
    mine = 1
  elseif w[6] == ARGV[5] and w[7] == run then
    mine = 1
  end
end
schedule(t)
return { mine }
