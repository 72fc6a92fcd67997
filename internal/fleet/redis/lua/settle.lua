-- ARGV: 3 run, 4 alert of a lead or '', 5 due time of a roll-up or an end, then of a roll-up whose rule asks for an end: resolve, severity, triggers, about
-- Returns: 1 it ended by this run, 0 it did not.
local t, run, mine = now(), ARGV[3], 0
local w = redis.call('HMGET', KEYS[1], 'o', 'id', 'rn', 'fz', 'zn', 'sd', 'sr', 'zk', 'zf', 'zl')
if w[1] and ARGV[4] ~= '' then
  if w[2] == ARGV[4] then
    redis.call('HDEL', KEYS[1], 'p', 'hd', 'hx')
    if w[3] == run then mine = 1 end
  end
elseif w[1] then
  if w[4] == ARGV[5] then
    redis.call('HDEL', KEYS[1], 'fz', 'tu', 'tr', 'zn', 'zc', 'zk', 'zm', 'zf', 'zl', 'zs', 'zh', 'ze')
    redis.call('HSET', KEYS[1], 'sd', ARGV[5], 'sr', run)
    if num(w[5]) > 0 then
      redis.call('HINCRBY', KEYS[4], 'reported', w[5])
      if redis.call('HINCRBY', KEYS[4], 'u:' .. kh, '-' .. w[5]) <= 0 then redis.call('HDEL', KEYS[4], 'u:' .. kh) end
    end
    redis.call('PEXPIRE', KEYS[4], LONGEST)
    if w[8] then
      redis.call('HDEL', KEYS[1], 'io', 'ib', 'il', 'ir')
    elseif ARGV[6] then
      local open = redis.call('HGET', KEYS[1], 'io')
      begin(t, ARGV[6], t - num(w[9]), ARGV[9])
      if not open then touch(t, math.max(0, t - num(w[10])), t - num(w[10])) end
      tell(1, num(w[5]), ARGV[7], ARGV[8])
    end
    mine = 1
  elseif w[6] == ARGV[5] and w[7] == run then
    mine = 1
  end
end
schedule(t)
return { mine }
