-- ARGV: 2 '1' for a watch, 3 age, 4 within, 5 sample, 6 rule, 7 text. Returns: the age of the line heard last, or of the beginning of the watch.
local t, within = now(), num(ARGV[4])
local heard = t - num(ARGV[3])
local l = redis.call('HGET', KEYS[1], 'l')
if l then l = num(l) elseif ARGV[2] == '1' then l = t else l = heard end
l = math.min(l, t)
if ARGV[2] ~= '1' then
  l = math.max(l, heard)
  redis.call('HSET', KEYS[1], 's', ARGV[5])
end
redis.call('HSET', KEYS[1], 'l', str(l), 'ab', str(within), 'r', ARGV[6], 'x', ARGV[7])
recover()
keep(within)
schedule()
return { t - l }
