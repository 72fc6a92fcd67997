-- ARGV: 2 '1' for a watch, 3 age, 4 within, 5 sample, 6 rule, 7 text. Returns: 1 recovered or 0; for how long nothing was heard.
local t, within, recovered, gone = now(), num(ARGV[4]), 0, 0
local heard = t - num(ARGV[3])
local a = redis.call('HMGET', KEYS[1], 'l', 't', 'ab')
local l = num(a[1])
if not a[1] then l = ARGV[2] == '1' and t or heard end
l = math.min(l, t)
if ARGV[2] ~= '1' then
  l = math.max(l, heard)
  if a[2] and l > num(a[2]) then
    recovered, gone = 1, l - (num(a[2]) - num(a[3]))
    redis.call('HDEL', KEYS[1], 't')
  end
  redis.call('HSET', KEYS[1], 's', ARGV[5])
end
redis.call('HSET', KEYS[1], 'l', str(l), 'ab', str(within), 'r', ARGV[6], 'x', ARGV[7])
keep(within)
schedule()
return { recovered, gone }
