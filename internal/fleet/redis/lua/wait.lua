-- ARGV: 2 run, 3 sequence number, 4 age, 5 within, 6 sample, 7 rule, 8 text. Returns: 1 the wait is over, or 0.
local t, field, within = now(), 'w:' .. ARGV[2], num(ARGV[5])
local at, b, dealt = t - num(ARGV[4]), past('b', t), past('d', t)
local seq, was = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%d+):(%d+)$')
if seq and num(seq) > num(ARGV[3]) then
  schedule()
  return { 1 }
end
if seq == ARGV[3] then at = math.min(num(was), t) end
local over = dealt and at <= dealt
for _, other in ipairs(times(t, within)) do
  if other >= at and other < at + within then over = true end
end
redis.call('HSET', KEYS[1], field, ARGV[3] .. ':' .. str(at))
if not over and not b then
  redis.call('HSET', KEYS[1], 'b', str(at), 'ab', str(within), 's', ARGV[6], 'r', ARGV[7], 'x', ARGV[8])
end
keep(within)
schedule()
return { over and 1 or 0 }
